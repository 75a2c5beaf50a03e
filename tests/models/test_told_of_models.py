"""What is said of folders and checkpoints that are no model: what it is, and what helps."""

from pathlib import Path

import pytest
import torch

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.model_folder import find_model_folder, trained_folds
from nnunet_multiphase.models.nnunet_model import OTHER_HEADS, WRAPPED

ASKED = ("MultiPhaseSCAMTrainer", "nnUNetMultiPhaseSCAMPlans")


def test_a_folder_without_folds_is_no_model(tmp_path: Path):
    (tmp_path / "postprocessed").mkdir()
    with pytest.raises(InputError, match="has no fold_0 or other fold in it, and is no trained model"):
        trained_folds(tmp_path, None, "checkpoint_final.pth")
    (tmp_path / "fold_0").mkdir()
    with pytest.raises(InputError, match="finish that training"):
        trained_folds(tmp_path, None, "checkpoint_final.pth")


def test_an_ensemble_and_results_that_are_not_there_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    with pytest.raises(InputError, match=r"-c ensemble: .* is no model: name one of its models"):
        find_model_folder(961, *ASKED, "ensemble")
    monkeypatch.setenv("nnUNet_results", "~/nn")
    with pytest.raises(InputError, match=r"nnUNet_results is ~/nn, and there is no such folder \(a ~ in"):
        find_model_folder(961, *ASKED, "3d_fullres")


def test_the_models_that_a_dataset_has_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    model = (
        tmp_path / "Dataset961_Tiny" / "MultiPhaseSCAMTrainer_tryout__nnUNetMultiPhaseSCAMPlans__3d_fullres"
    )
    model.mkdir(parents=True)
    with pytest.raises(InputError, match=r"or pass -m MODEL_FOLDER$"):
        find_model_folder(961, *ASKED, "3d_fullres")
    (model / "plans.json").write_text("{}")
    with pytest.raises(
        InputError, match=r"trained are MultiPhaseSCAMTrainer_tryout__.*: to take one of them, name"
    ):
        find_model_folder(961, *ASKED, "3d_fullres")


def test_what_torch_says_of_other_weights_is_understood():
    wide, narrow = torch.nn.Module(), torch.nn.Module()
    for module, outputs in ((wide, 3), (narrow, 2)):
        module.seg_layers = torch.nn.ModuleList([torch.nn.Conv3d(8, outputs, 1)])
    renamed = {f"_orig_mod.{name}": value for name, value in narrow.state_dict().items()}
    with pytest.raises(RuntimeError) as told:
        narrow.load_state_dict(renamed)
    found = WRAPPED.search(str(told.value))
    assert found is not None
    assert found[1] == "_orig_mod."
    with pytest.raises(RuntimeError) as told:
        wide.load_state_dict(narrow.state_dict())
    found = OTHER_HEADS.search(str(told.value))
    assert found is not None
    assert found.groups() == ("2", "3")
