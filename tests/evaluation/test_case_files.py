"""Where predictions are looked for, and what is said of folders that hold none."""

from pathlib import Path

import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.case_files import find_images


def test_a_models_folder_is_told_the_one_that_holds_its_predictions(tmp_path: Path):
    validation = tmp_path / "fold_0" / "validation"
    validation.mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds no image; expected <case>\.nii\.gz files$"):
        find_images(tmp_path)
    (validation / "a.nii.gz").touch()
    for folder in (tmp_path, tmp_path / "fold_0"):
        with pytest.raises(InputError, match=r"files: it is a model's folder, give .*fold_0.validation$"):
            find_images(folder)
    merged = tmp_path / "crossval_results_folds_0_1"
    merged.mkdir()
    (merged / "a.nii.gz").touch()
    with pytest.raises(InputError, match=r"give .*crossval_results_folds_0_1$"):
        find_images(tmp_path)
