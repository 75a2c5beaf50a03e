#!/usr/bin/env python3
"""Measure the registration's error in the liver on a cohort whose motion is known (truth.json), or on the phantom's.

    python benchmarks/registration_cohort.py COHORT [--seed 0] [--dataset FOLDER]

Every phase is registered to the phase of the liver mask: with that mask, without it (the liver is found), and by
the whole body. With --dataset nothing is registered: the transforms that setup_dataset.py kept in that folder are
measured. The error is the distance, in mm, between where the transform sends the liver's voxels and where they really
went.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from registration_pairs import Pair, breath_pairs

from registration import RegistrationSettings, register

REGIONS = ("mask", "liver", "body")


def measure_pair(pair: Pair, seed: int) -> dict[str, float]:
    """Register one phase with the liver mask, with the liver that is found, and by the body."""
    row = {"before": pair.error_mm(sitk.Transform(3, sitk.sitkIdentity))}
    for name in REGIONS:
        result = register(
            pair.reference,
            pair.moving,
            reference_mask=pair.mask if name == "mask" else None,
            settings=RegistrationSettings(seed=seed, region="body" if name == "body" else "liver"),
        )
        row[name] = pair.error_mm(result.transform)
        row[f"{name}_s"] = result.seconds
    return row


def main() -> int:
    """Print one line a pair and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort", type=Path, help="folder of case folders, each with truth.json")
    parser.add_argument("--seed", type=int, default=0, help="of the registration")
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="FOLDER",
        help="measure FOLDER/registration/<case>_<phase>.tfm instead",
    )
    arguments = parser.parse_args()
    seed, kept = arguments.seed, arguments.dataset and arguments.dataset / "registration"
    columns = ("before", "after") if kept else ("before", *REGIONS, *(f"{name}_s" for name in REGIONS))
    rows, missing = [], []
    print(f"{'pair':<14} " + " ".join(f"{c:>7}" for c in columns))
    for name, pair in breath_pairs(arguments.cohort, per_case=3):
        case = name.rsplit("_", 1)[0]
        if not kept:
            row = measure_pair(pair, seed)
        elif (kept / f"{case}_{pair.reference_phase}.tfm").exists():
            print(f"{kept} aligns {case} to another phase than {pair.reference_phase}.", file=sys.stderr)
            return 2
        elif (file := kept / f"{name}.tfm").exists():
            row = {
                "before": pair.error_mm(sitk.Transform(3, sitk.sitkIdentity)),
                "after": pair.error_mm(sitk.ReadTransform(str(file))),
            }
        else:
            missing.append(name)
            continue
        rows.append([row[c] for c in columns])
        print(f"{name:<14} " + " ".join(f"{row[c]:7.2f}" for c in columns), flush=True)
    if missing:
        print(f"No transform is kept for {', '.join(missing)}.", file=sys.stderr)
    if not rows:
        print(f"No pair with truth.json to measure lies in {arguments.cohort}.", file=sys.stderr)
        return 2
    table = np.array(rows)
    for name, values in (
        ("median", np.median(table, axis=0)),
        ("90 %", np.quantile(table, 0.9, axis=0)),
        ("max", table.max(axis=0)),
        ("below 2 mm, share", (table < 2).mean(axis=0)),
    ):
        print(f"{name:<20} " + " ".join(f"{v:7.2f}" for v in values))
    how = f"transforms kept in {arguments.dataset}" if kept else "seconds within one process"
    print(f"{len(rows)} pairs; mean liver error in mm, {how}; seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
