#!/usr/bin/env python3
"""Count what a model takes for lesions away from the liver, everywhere and only about the liver that was found.

    python benchmarks/false_lesions.py COHORT ... -m MODEL

Cohorts have the liver's mask on one phase, which is the reference; the mask itself is not shown to the prediction.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import box_slices
from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.evaluation.lesions import label_lesions
from nnunet_multiphase.measurement.surroundings import touching
from nnunet_multiphase.models.model import Model
from nnunet_multiphase.prediction import (
    liver_window,
    load_for_runtime,
    model_lesion_labels,
    model_phases,
    prepare_case,
    segment_case,
)
from nnunet_multiphase.prediction.window import Window
from nnunet_multiphase.volumes.orientation import turned


def counted(model: Model, folder: Path) -> dict[str, tuple[int, float, float]]:
    """Give, for both ways, lesions away from the liver, their ml and the network's seconds; nothing without a window."""
    reference = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["reference"]
    case = replace(
        read_case_folder(folder, reference=reference, require_lesions=False), lesions=None, liver=None
    )
    prepared = prepare_case(case, model_phases(model), reference=reference, missing="fill")
    window = liver_window(prepared, model.patch_mm[::-1])
    if window is None:
        return {}
    liver = sitk.GetArrayFromImage(turned(sitk.ReadImage(str(folder / f"liver_{reference}.nii.gz")))) > 0
    liver = liver[box_slices(prepared.aligned.box)]

    def away(shown: Window | None) -> tuple[int, float, float]:
        began = time.perf_counter()
        found = segment_case(model, prepared, window=shown)
        seconds = time.perf_counter() - began
        lesion = np.isin(sitk.GetArrayViewFromImage(found.labels), model_lesion_labels(model, None))
        numbers = label_lesions(lesion)
        false = (numbers > 0) & ~touching(numbers, liver)
        voxel_ml = float(np.prod(found.labels.GetSpacing())) / 1000.0
        return len(np.unique(numbers[false])), float(false.sum()) * voxel_ml, seconds

    return {"everywhere": away(None), "about the liver": away(window)}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohorts", nargs="+", type=Path)
    parser.add_argument("-m", "--model", type=Path, required=True)
    options = parser.parse_args()
    model = load_for_runtime(
        options.model,
        wanted="MultiPhaseSCAMTrainer__nnUNetMultiPhaseSCAMPlans__3d_fullres",
        mirroring=False,
        device="cpu",
    )
    found = [counted(model, folder) for cohort in options.cohorts for folder in sorted(cohort.glob("case_*"))]
    windows = [case for case in found if case]
    print(f"{len(windows)} of {len(found)} patients with a window\n")
    print("| looked | lesions away from the liver, all patients | their volume, ml | network, s |")
    print("|---|---|---|---|")
    for way in ("everywhere", "about the liver"):
        count, ml, seconds = np.sum([case[way] for case in windows], axis=0) if windows else (0, 0, 0)
        print(f"| {way} | {count:.0f} | {ml:.1f} | {seconds:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
