"""Training on several devices at once: nnU-Net's own `-num_gpus` code, between two processes.

nnU-Net does this on CUDA alone. Its `run_ddp` runs here as it is; what it says about CUDA (the backend, the device of
a rank) is replaced, and nothing of ours.
"""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.planning.multiphase_scam_planner import PLANS_NAME

pytestmark = pytest.mark.slow

TRAINER = "MultiPhaseSCAMTrainer_tryout"
RANKS = 2


def _train_as_rank(rank: int, folder: Path) -> None:
    """Do in one process what nnU-Net starts for each GPU, on the CPU; save the network it ends with."""
    torch.set_num_threads(1)
    from nnunetv2.run import run_training
    from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as module
    from torch.nn.parallel import DistributedDataParallel

    trainer = module.nnUNetTrainer
    trainer.device = property(lambda _self: torch.device("cpu"), lambda _self, _device: None)
    module.DDP = lambda network, device_ids: DistributedDataParallel(network)
    torch.cuda.set_device = lambda _device: None
    run_training.setup_ddp = lambda rank, world_size: torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/rendezvous",
        rank=rank,
        world_size=world_size,
        timeout=timedelta(minutes=10),
    )
    on_train_start, on_train_end = trainer.on_train_start, trainer.on_train_end
    initial: dict[str, torch.Tensor] = {}

    def note_weights(self: module.nnUNetTrainer) -> None:
        on_train_start(self)
        initial.update({name: w.clone() for name, w in self.network.module.state_dict().items()})

    def save_weights(self: module.nnUNetTrainer) -> None:
        assert self.is_ddp
        torch.save(
            {"initial": initial, "weights": self.network.module.state_dict(), "batch_size": self.batch_size},
            folder / f"rank{rank}.pth",
        )
        on_train_end(self)

    trainer.on_train_start, trainer.on_train_end = note_weights, save_weights
    run_training.run_ddp(
        rank, "911", "3d_fullres", 0, TRAINER, PLANS_NAME, False, False, False, None, False, False, RANKS
    )


@pytest.fixture(scope="module")
def parallel(plain: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict], Path]:
    """Train with two processes; give each one's last weights, and the fold's folder."""
    folder = tmp_path_factory.mktemp("ddp")
    labels = plain.root / "nnUNet_raw" / plain.name / "labelsTr"
    shutil.copytree(labels, plain.preprocessed / "gt_segmentations", dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("nnUNet_raw", "nnUNet_preprocessed"):
            patch.setenv(variable, str(plain.root / variable))
        patch.setenv("nnUNet_results", str(folder))
        patch.setenv("nnUNet_n_proc_DA", "0")
        patch.setenv("nnUNet_def_n_proc", "1")
        torch.multiprocessing.spawn(_train_as_rank, (folder,), nprocs=RANKS)
    ranks = [torch.load(folder / f"rank{rank}.pth") for rank in range(RANKS)]
    return ranks, folder / plain.name / f"{TRAINER}__{PLANS_NAME}__3d_fullres" / "fold_0"


def test_every_process_ends_with_the_same_weights(parallel: tuple[list[dict], Path]):
    first, second = (rank["weights"] for rank in parallel[0])
    assert first.keys() == second.keys()
    for name, weights in first.items():
        assert torch.equal(weights, second[name]), name


def test_the_training_moves_the_weights(parallel: tuple[list[dict], Path]):
    rank = parallel[0][0]
    assert not all(torch.equal(weights, rank["initial"][name]) for name, weights in rank["weights"].items())


def test_the_processes_share_the_batch(parallel: tuple[list[dict], Path], plain: Dataset):
    batch_size = plain.plans["configurations"]["3d_fullres"]["batch_size"]
    assert sum(rank["batch_size"] for rank in parallel[0]) == batch_size


def test_one_process_writes_the_checkpoints(parallel: tuple[list[dict], Path]):
    ranks, fold = parallel
    final = torch.load(fold / "checkpoint_final.pth", weights_only=False)
    for name, weights in ranks[0]["weights"].items():
        assert torch.equal(weights, final["network_weights"][name]), name
    assert {"checkpoint_final.pth", "checkpoint_best.pth"} == {p.name for p in fold.glob("checkpoint*")}
    assert len(list(fold.glob("training_log_*.txt"))) == 1


def test_validation_covers_the_cases_of_every_process(parallel: tuple[list[dict], Path], plain: Dataset):
    _, fold = parallel
    splits = json.loads((plain.preprocessed / "splits_final.json").read_text())
    summary = json.loads((fold / "validation/summary.json").read_text())
    assert len(summary["metric_per_case"]) == len(splits[0]["val"])
