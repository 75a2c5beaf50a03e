"""The variant that stops at convergence: when, also after resuming, and what it leaves behind."""

from pathlib import Path

import pytest
import torch
from nnunetv2.training.logging.nnunet_logger import LocalLogger
from tiny_dataset import Dataset

from nnunet_multiphase.planning.multiphase_scam_planner import PLANS_NAME
from nnunet_multiphase.training import variants
from nnunet_multiphase.training.budget import train_with_budget


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the losses count as converged once there are so many."""
    monkeypatch.setattr(variants, "has_converged", lambda losses, patience: len(losses) >= epochs)
    monkeypatch.setattr(LocalLogger, "plot_progress_png", lambda _self, _folder: None)  # seconds a picture


def train(epochs: int, *, resume: bool = False) -> tuple[int, list[float], Path]:
    """Train for up to so many epochs; give the epochs in the last checkpoint, their losses, and its folder."""
    record = train_with_budget(
        911,
        "3d_fullres",
        0,
        trainer="MultiPhaseSCAMTrainerEarlyStopping",
        plans=PLANS_NAME,
        epochs=epochs,
        iterations_per_epoch=1,
        val_iterations_per_epoch=1,
        continue_training=resume,
        workers=0,
    )
    final = torch.load(record.output_folder / "checkpoint_final.pth", weights_only=False)
    return final["current_epoch"], final["logging"]["val_losses"], record.output_folder


def test_it_stops_at_convergence_and_leaves_a_finished_training(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    stop_after(2, monkeypatch)
    epochs, losses, folder = train(6)
    assert epochs == len(losses) == 2
    assert not (folder / "checkpoint_latest.pth").exists()
    (log,) = folder.glob("training_log_*.txt")
    assert "has not fallen for 50 epochs" in log.read_text()


def test_resumed_it_counts_the_epochs_before(plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    stop_after(3, monkeypatch)
    assert train(2)[0] == 2
    epochs, losses, _ = train(6, resume=True)
    assert epochs == len(losses) == 3


def test_resumed_after_its_end_it_trains_no_more(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    stop_after(2, monkeypatch)
    first, again = train(6), train(6, resume=True)
    assert again == first
