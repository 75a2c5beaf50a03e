"""Take phases away from test cases, one by one, and see what is left of the segmentation.

    python benchmarks/missing_phases.py RAW_DATASET ours=MODEL_FOLDER nnU-Net=MODEL_FOLDER -o missing.json

RAW_DATASET is the nnU-Net dataset that setup_dataset.py made, with imagesTs and labelsTs; a model folder holds fold_0.
Every subset of a case's phases that contains its reference is predicted, the other channels filled with air, as
`--missing fill` does. A row is a number of phases; its Dice is the mean over cases and subsets.
"""

import argparse
import itertools
import json
import statistics
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.evaluation.scores import CaseScore, detection_rates, evaluate_case
from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.phases import FILL_HU
from nnunet_multiphase.prediction import load_model


def subsets(phases: list[str], reference: str, filled: list[str]) -> list[tuple[str, ...]]:
    """List the subsets that hold the reference, of the phases that are there, largest first."""
    others = [p for p in phases if p != reference and p not in filled]
    return [
        tuple(p for p in phases if p == reference or p in kept)
        for count in range(len(others), -1, -1)
        for kept in itertools.combinations(others, count)
    ]


def main() -> None:
    """Predict, score, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, metavar="RAW_DATASET")
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL_FOLDER")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="receives every case's scores (JSON)"
    )
    parser.add_argument("--fold", default="0")
    options = parser.parse_args()
    description = json.loads((options.dataset / "dataset.json").read_text())
    phases: list[str] = description["phases"]
    scores: dict[str, dict[int, list[CaseScore]]] = {}
    rows = []
    for model in options.models:
        name, _, folder = model.partition("=")
        predictor = load_model(Path(folder), [options.fold], mirroring=False, progress=False).predictor
        scores[name] = {}
        for label in sorted((options.dataset / "labelsTs").glob("*.nii.gz")):
            case = label.name.removesuffix(".nii.gz")
            truth = sitk.ReadImage(str(label))
            images = {
                phase: sitk.GetArrayFromImage(
                    sitk.ReadImage(str(options.dataset / "imagesTs" / f"{case}_{channel:04d}.nii.gz"))
                ).astype(np.float32)
                for channel, phase in enumerate(phases)
            }
            filled = description.get("filled", {}).get(case, [])
            for kept in subsets(phases, description["reference_phase"][case], filled):
                stack = np.stack(
                    [images[p] if p in kept else np.full_like(images[p], FILL_HU) for p in phases]
                )
                labels = predictor.predict_single_npy_array(
                    stack, {"spacing": [float(s) for s in truth.GetSpacing()[::-1]]}
                )
                prediction = sitk.GetImageFromArray(np.asarray(labels).astype(np.uint8))
                prediction.CopyInformation(truth)
                score, _ = evaluate_case(prediction, truth, case=case)
                scores[name].setdefault(len(kept), []).append(score)
                rows.append({"model": name, "case": case, "phases": kept, "dice": score.dice, "f1": score.f1})
    write_json(options.output, rows)
    print("| phases | " + " | ".join(f"{name}: Dice | lesion F1" for name in scores) + " |")
    print("|---|" + "---|---|" * len(scores))
    for count in sorted({n for by_count in scores.values() for n in by_count}, reverse=True):
        cells = []
        for by_count in scores.values():
            of = by_count[count]
            dice = [s.dice for s in of if not np.isnan(s.dice)]
            found, missed, false = (sum(getattr(s, k) for s in of) for k in ("found", "missed", "false"))
            cells += [
                f"{statistics.fmean(dice):.3f} ({len(dice)})",
                f"{detection_rates(found, missed, false)[2]:.2f}",
            ]
        print(f"| {count} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
