"""Make tiny raw nnU-Net datasets with four CT phases, and plan and preprocess them in this process.

nnU-Net's own command would start worker processes, which import torch again: seconds for a dataset of
milliseconds. The functions called here are the ones its workers call.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_multiphase.phases import FILL_HU, PHASES

FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
SHAPE = (20, 32, 32)  # (z, y, x)
SPACING_MM = (2.5, 1.5, 1.5)  # (z, y, x)
LESION_HU = {"nc": 30.0, "art": 130.0, "pv": 80.0, "dl": 60.0}
MISSING = ("case_002", "art")
"""One phase of one case holds fill values only."""


@dataclass(frozen=True)
class Dataset:
    """Say where a prepared dataset lies."""

    root: Path
    name: str

    @property
    def preprocessed(self) -> Path:
        return self.root / "nnUNet_preprocessed" / self.name

    @property
    def plans(self) -> dict:
        return json.loads((self.preprocessed / "nnUNetMultiPhaseSCAMPlans.json").read_text())

    @property
    def description(self) -> dict:
        return json.loads((self.preprocessed / "dataset.json").read_text())


def write_raw(
    root: Path, dataset: str, labels: dict, *, cases: int = 6, regions: list[int] | None = None
) -> None:
    """Write liver-like noise (90 HU) with a bright ball (label 1), a core (2), and a corner to ignore (3)."""
    folder = root / "nnUNet_raw" / dataset
    (folder / "imagesTr").mkdir(parents=True)
    (folder / "labelsTr").mkdir()
    rng = np.random.default_rng(7)
    z, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    n_values = max(v for value in labels.values() for v in (value if isinstance(value, list) else [value]))
    for number in range(cases):
        name = f"case_{number:03d}"
        centre = (10, *rng.integers(11, 21, size=2))
        radius = np.sqrt(((z - centre[0]) * 1.6) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
        mask = (radius < 7).astype(np.uint8)
        if n_values >= 2:
            mask[radius < 4] = 2
        if n_values >= 3:
            mask[:3, :10, :10] = 3
        for channel, phase in enumerate(PHASES):
            image = rng.normal(90, 15, SHAPE) + (mask > 0) * (LESION_HU[phase] - 90)
            if (name, phase) == MISSING:
                image = np.full(SHAPE, FILL_HU)
            elif phase == "dl":
                image[:, :, :12] = FILL_HU  # a phase that does not cover the whole reference
            _write(image.astype(np.int16), folder / "imagesTr" / f"{name}_{channel:04d}.nii.gz")
        _write(mask, folder / "labelsTr" / f"{name}.nii.gz")
    description = {
        "channel_names": {str(i): "CT" for i in range(len(PHASES))},
        "phases": list(PHASES),
        "reference_phase": {f"case_{n:03d}": "pv" for n in range(cases)},
        "filled": {MISSING[0]: [MISSING[1]]},
        "labels": labels,
        "numTraining": cases,
        "file_ending": ".nii.gz",
    }
    if regions is not None:
        description["regions_class_order"] = regions
    (folder / "dataset.json").write_text(json.dumps(description))
    splits = [{"train": [f"case_{n:03d}" for n in range(2, cases)], "val": ["case_000", "case_001"]}]
    (folder / "splits_final.json").write_text(json.dumps(splits))


def write_fingerprint(root: Path, dataset: str) -> Path:
    """Write nnU-Net's fingerprint of a raw dataset, from nnU-Net's own analysis of each case."""
    raw, out = root / "nnUNet_raw" / dataset, root / "nnUNet_preprocessed" / dataset
    out.mkdir(parents=True, exist_ok=True)
    analysed = []
    for label in sorted((raw / "labelsTr").glob("*.nii.gz")):
        files = [str(raw / "imagesTr" / label.name.replace(".nii.gz", f"_{c:04d}.nii.gz")) for c in range(4)]
        analysed.append(DatasetFingerprintExtractor.analyze_case(files, str(label), SimpleITKIO, 1000))
    properties = {}
    for channel in range(4):
        values = np.concatenate([case[2][channel] for case in analysed])
        low, median, high = np.percentile(values, (0.5, 50, 99.5))
        properties[str(channel)] = {
            "mean": values.mean(),
            "median": median,
            "std": values.std(),
            "min": values.min(),
            "max": values.max(),
            "percentile_00_5": low,
            "percentile_99_5": high,
        }
    fingerprint = {
        "spacings": [[float(s) for s in case[1]] for case in analysed],
        "shapes_after_crop": [[int(n) for n in case[0]] for case in analysed],
        "foreground_intensity_properties_per_channel": properties,
        "median_relative_size_after_cropping": 1.0,
    }
    path = out / "dataset_fingerprint.json"
    path.write_text(json.dumps(fingerprint, default=float))
    return path


def preprocess(root: Path, dataset: str, plans_name: str, configuration: str) -> None:
    """Preprocess every training case with the preprocessor the plans name."""
    raw, out = root / "nnUNet_raw" / dataset, root / "nnUNet_preprocessed" / dataset
    plans = PlansManager(str(out / f"{plans_name}.json"))
    config = plans.get_configuration(configuration)
    folder = out / config.data_identifier
    folder.mkdir(exist_ok=True)
    description = json.loads((raw / "dataset.json").read_text())
    for label in sorted((raw / "labelsTr").glob("*.nii.gz")):
        name = label.name.replace(".nii.gz", "")
        files = [str(raw / "imagesTr" / f"{name}_{c:04d}.nii.gz") for c in range(4)]
        config.preprocessor_class(verbose=False).run_case_save(
            str(folder / name), files, str(label), plans, config, description
        )


@contextmanager
def nnunet_folders(root: Path) -> Iterator[Path]:
    """Point nnU-Net's three folders below `root`, and let it augment in this process, for the time being."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in FOLDERS:
            (root / variable).mkdir(exist_ok=True)
            patch.setenv(variable, str(root / variable))
        patch.setenv("nnUNet_n_proc_DA", "0")
        yield root


def _write(array: np.ndarray, path: Path) -> None:
    """Write an array as an image with this module's spacing."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING_MM[::-1])
    sitk.WriteImage(image, str(path))
