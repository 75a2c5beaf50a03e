"""Regions that lose a label: refused wherever they would be learnt or asked."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny_dataset import Dataset, nnunet_folders, write_fingerprint, write_raw

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.model import check_record
from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer
from nnunet_multiphase.training.trained_with import told_of_other_plans

LABELS = {"background": 0, "liver": [1, 2], "lesion": 2}
LOST = r"dataset.json: regions_class_order \[2, 1\] .* writes 1 where .* set it to \[1, 2\]"


class Asked:
    """A model that is asked for nothing but its record."""

    def __init__(self, record: dict) -> None:
        self.record = record


def test_planner_trainer_and_models_refuse_regions_that_lose_a_label(
    regions: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    record = {**regions.description, "regions_class_order": [2, 1]}
    lost = LOST.replace(r"where .*", r"where core .*")
    with pytest.raises(InputError, match=lost):
        check_record(Asked(record))  # type: ignore[arg-type]

    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    plans = {**regions.plans, "continue_training": False}
    trainer = MultiPhaseSCAMTrainer(plans, "3d_fullres", 0, record, torch.device("cpu"))
    trainer.was_initialized = True
    with pytest.raises(InputError, match=lost):
        super(MultiPhaseSCAMTrainer, trainer).on_train_start()

    with nnunet_folders(tmp_path):
        write_raw(tmp_path, "Dataset914_Lost", LABELS, cases=2, regions=[2, 1])
        write_fingerprint(tmp_path, "Dataset914_Lost")
        shutil.copy(
            tmp_path / "nnUNet_raw" / "Dataset914_Lost" / "dataset.json",
            tmp_path / "nnUNet_preprocessed" / "Dataset914_Lost",
        )
        with pytest.raises(InputError, match=LOST):
            MultiPhaseSCAMPlanner(914).plan_experiment()


def test_a_trained_models_lost_order_may_be_corrected_and_a_right_one_may_not_be_changed(regions: Dataset):
    def of(labels: dict, order: list[int]) -> dict:
        told = {**regions.description, "labels": labels, "regions_class_order": order}
        return {
            "plans": regions.plans,
            "configuration": "3d_fullres",
            "dataset_json": json.loads(json.dumps(told)),
        }

    assert told_of_other_plans(of(LABELS, [2, 1]), of(LABELS, [1, 2])) == ""
    turned = {"background": 0, "lesion": 2, "liver": [1, 2]}
    assert told_of_other_plans(of(LABELS, [1, 2]), of(turned, [1, 2])).startswith(
        "order of the regions ((1, 2), (2)), now ((2), (1, 2))"
    )
