"""A tiny nnU-Net dataset of two phases with one box that stands out in both, and what stands for nnU-Net's commands."""

import itertools
import json
import pickle
from pathlib import Path

import numpy as np
import SimpleITK as sitk

DATASET = "Dataset977_Tiny"


def write(path: Path, array: np.ndarray) -> None:
    """Write an array (z, y, x) as an image of 1 x 1 x 2 mm."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 2.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def write_raw(folder: Path) -> None:
    """Three training cases and a test case; the reference is pv but in case_1."""
    rng = np.random.default_rng(0)
    for i, part in enumerate(("Tr", "Tr", "Tr", "Ts")):
        mask = np.zeros((8, 16, 16), np.uint8)
        z, y, x = rng.integers((1, 2, 2), (4, 8, 8))
        mask[z : z + 3, y : y + 6, x : x + 6] = 1
        for channel, contrast_hu in enumerate((-80.0, 80.0)):
            hu = rng.normal(60, 15, mask.shape) + mask * contrast_hu
            write(folder / f"images{part}" / f"case_{i}_{channel:04d}.nii.gz", hu.astype(np.int16))
        write(folder / f"labels{part}" / f"case_{i}.nii.gz", mask)
    description = {
        "channel_names": {"0": "CT", "1": "CT"},
        "phases": ["art", "pv"],
        "reference_phase": {f"case_{i}": "art" if i == 1 else "pv" for i in range(4)},
        "registration": {"model": "rigid"},
        "doubtful_registration": {"case_0": ["art"]},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 3,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description))


def write_splits(preprocessed: Path) -> None:
    """Two folds."""
    preprocessed.mkdir(parents=True, exist_ok=True)
    splits = [
        {"train": ["case_0", "case_1"], "val": ["case_2"]},
        {"train": ["case_2"], "val": ["case_0", "case_1"]},
    ]
    (preprocessed / "splits_final.json").write_text(json.dumps(splits))


class FakeNnunet:
    """Stands for nnU-Net's commands: writes what they leave behind, and remembers what was asked.

    Attributes:
        lines: The commands, in order.
    """

    def __init__(self) -> None:
        self.lines: list[list[str]] = []

    def __call__(self, line: list[str], log: Path, environment: dict[str, str], what: str) -> None:
        """Do as `child.run_nnunet`."""
        self.lines.append(list(line))
        option = dict(itertools.pairwise(line))
        (folder,) = Path(environment["nnUNet_preprocessed"]).glob(f"Dataset{int(option['-d']):03d}_*")
        raw = Path(environment["nnUNet_raw"]) / folder.name
        if line[0] == "nnUNetv2_plan_and_preprocess":
            from nnunet_multiphase.benchmark.contestants import CONTESTANTS

            plans = next(c.plans for c in CONTESTANTS.values() if c.planner == option["-pl"])
            plan = {
                "data_identifier": f"{plans}_3d_fullres",
                "spacing": [2.0, 1.0, 1.0],
                "resampling_fn_seg_kwargs": {"order": int("Linear" in plans or plans == "nnUNetPlans")},
            }
            content = {
                "configurations": {"3d_fullres": plan, "3d_cascade_fullres": {**plan, "previous_stage": "x"}}
            }
            (folder / f"{plans}.json").write_text(json.dumps(content))
        else:
            data = folder / f"{option['-plans_name']}_3d_fullres"
            data.mkdir()
            for label in (raw / "labelsTr").iterdir():
                (data / f"{label.name[: -len('.nii.gz')]}.pkl").write_bytes(pickle.dumps({}))


class FakeTraining:
    """Stands for `training.train`: leaves the record of a training.

    Attributes:
        done: Folders trained, in order.
        fail: Names of contestants whose training fails.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.settings: list[object] = []
        self.fail: set[str] = set()

    def __call__(self, folder, results, settings, *, environment, what, say):
        """Do as `training.train`."""
        from nnunet_multiphase.errors import InputError

        assert Path(environment["nnUNet_raw"], settings.dataset, "dataset.json").is_file()
        if folder.parts[-3] in self.fail:
            raise InputError(f"training {what} failed (out of memory); see {folder / 'logs'}")
        self.done.append(str(Path(*folder.parts[-3:])))
        self.settings.append(settings)
        return {
            "seconds_per_step": 0.5,
            "seconds": 60.0,
            "peak_memory_mb": 123.0,
            "epochs": 4,
            "train_losses": [1.0, None],
            "val_losses": [1.5, 1.2],
        }


class FakePrediction:
    """Stands for `prediction.predict`: answers with each case's last channel where it is bright.

    Attributes:
        cut: Voxels that the predictions' grid lacks at each end of x: a dataset of another cut.
    """

    def __init__(self) -> None:
        self.cut = 0
        self.asked: list[dict[str, list[str]]] = []

    def __call__(
        self, folder, model, fold, cases, predicted, *, device, mirroring, step_size, environment, what
    ):
        """Do as `prediction.predict`."""
        self.asked.append({case: [path.name for path in files] for case, files in cases.items()})
        predicted.mkdir(parents=True, exist_ok=True)
        for case, files in cases.items():
            segmentation = sitk.ReadImage(str(files[-1])) > 100
            if self.cut:
                width, height, depth = segmentation.GetSize()
                segmentation = sitk.RegionOfInterest(
                    segmentation, [width - 2 * self.cut, height, depth], [self.cut, 0, 0]
                )
            sitk.WriteImage(segmentation, str(predicted / f"{case}.nii.gz"))
        seconds = {case: float(i) for i, case in enumerate(cases)}
        return {
            "parameters": 10,
            "gmac": 0.5,
            "patch": [8, 16, 16],
            "spacing_mm": [2.0, 1.0, 1.0],
            "seconds": seconds,
        }
