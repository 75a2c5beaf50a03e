"""The cascade really run: low resolution, its predictions, and the full resolution that reads them."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from nnunetv2.training.logging.nnunet_logger import LocalLogger
from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as nnunet_trainer
from tiny_dataset import Dataset, preprocess

from nnunet_multiphase.training.budget import TrainingRecord, train_with_budget

pytestmark = pytest.mark.slow

PLANS = "Cascade"


def train(configuration: str, *, validate: bool) -> TrainingRecord:
    return train_with_budget(
        911,
        configuration,
        "all",
        trainer="MultiPhaseSCAMTrainerNoMirroring",
        plans=PLANS,
        epochs=1,
        iterations_per_epoch=1,
        val_iterations_per_epoch=1,
        validate=validate,
        workers=0,
    )


def test_cascade_trains_on_what_the_low_resolution_predicted(plain: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nnunet_trainer, "default_num_processes", 1)  # each process imports torch again
    monkeypatch.setattr(LocalLogger, "plot_progress_png", lambda _self, _folder: None)  # seconds a picture
    plans = plain.plans
    configurations = plans["configurations"]
    fullres = configurations["3d_fullres"]
    z, y, x = fullres["spacing"]
    configurations["3d_lowres"] = {
        **fullres,
        "data_identifier": f"{PLANS}_3d_lowres",
        "spacing": [z, 2 * y, 2 * x],
        "next_stage": "3d_cascade_fullres",
    }
    configurations["3d_cascade_fullres"] = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
    (plain.preprocessed / f"{PLANS}.json").write_text(json.dumps({**plans, "plans_name": PLANS}))
    preprocess(plain.root, plain.name, PLANS, "3d_lowres")
    raw_labels = plain.root / "nnUNet_raw" / plain.name / "labelsTr"
    shutil.copytree(raw_labels, plain.preprocessed / "gt_segmentations", dirs_exist_ok=True)

    low = train("3d_lowres", validate=True)
    predicted = low.output_folder.parent / "predicted_next_stage" / "3d_cascade_fullres"
    cases = [f"case_{number:03d}" for number in range(4)]
    assert sorted(path.stem for path in predicted.glob("*.b2nd")) == cases
    full = nnUNetDatasetBlosc2(
        str(plain.preprocessed / fullres["data_identifier"]),
        cases,
        folder_with_segs_from_previous_stage=str(predicted),
    )
    for case in cases:
        image, _, previous, _ = full.load_case(case)
        assert previous.shape == image.shape[1:]  # back on the fine grid

    record = train("3d_cascade_fullres", validate=False)
    assert record.steps == 1
    assert math.isfinite(record.train_losses[0])
    assert math.isfinite(record.val_losses[0])
    final = torch.load(Path(record.output_folder) / "checkpoint_final.pth", weights_only=False)
    # four phases and the lesion of the low resolution
    assert final["network_weights"]["encoder.stages.0.convs.0.weight"].shape[1] == 5
