"""A cohort of five small cases, and a dataset built of one."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from tiny_phases import LIVER, QUICK, mask_image, write_case

from nnunet_multiphase.dataset.build import DatasetSummary, build_dataset
from nnunet_multiphase.dataset.options import DatasetOptions

PHASES = ("nc", "art", "pv")
PATIENTS = {"case_1": "A", "case_2": "A", "case_3": "B", "case_4": "C", "case_5": "D"}


@dataclass(frozen=True)
class Built:
    cohort: Path
    folder: Path
    preprocessed: Path
    summary: DatasetSummary

    @property
    def record(self) -> dict[str, Any]:
        return json.loads((self.folder / "dataset.json").read_text())

    @property
    def quality(self) -> list[dict[str, str]]:
        with (self.folder / "quality.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    def image(self, case: str, channel: int) -> Path:
        (path,) = self.folder.glob(f"images??/{case}_{channel:04d}.nii.gz")
        return path

    def label(self, case: str) -> Path:
        (path,) = self.folder.glob(f"labels??/{case}.nii.gz")
        return path


def build(cohort: Path, place: Path, **options: Any) -> Built:
    """Build the cohort's dataset in a place of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("nnUNet_raw", "nnUNet_preprocessed"):
            (place / name).mkdir(parents=True, exist_ok=True)
            patch.setenv(name, str(place / name))
        patch.delenv("nnUNet_results", raising=False)
        wanted = {"missing": "fill", "phases": PHASES, "folds": 2, "settings": QUICK, **options}
        kind = {
            field.name: wanted.pop(field.name) for field in fields(DatasetOptions) if field.name in wanted
        }
        summary = build_dataset(cohort, 501, "Tiny", DatasetOptions(**kind), **wanted)
    return Built(cohort, summary.folder, place / "nnUNet_preprocessed" / "Dataset501_Tiny", summary)


def write_cohort(raw: Path) -> Path:
    """Write five cases of four patients; case_3 lacks nc, case_4 is drawn on pv, case_5's liver is on another phase."""
    for number in range(1, 6):
        write_case(
            raw / f"case_{number}",
            reference="pv" if number == 4 else "art",
            phases=("art", "pv") if number == 3 else PHASES,
            liver=number < 5,
            seed=number,
        )
    (raw / "patients.csv").write_text("case,patient\n" + "".join(f"{c},{p}\n" for c, p in PATIENTS.items()))
    (raw / "case_1" / "truth.json").write_text("{}")
    pv = sitk.ReadImage(str(raw / "case_5" / "pv.nii.gz"))
    sitk.WriteImage(mask_image(pv, LIVER), str(raw / "case_5" / "liver_pv.nii.gz"))
    return raw
