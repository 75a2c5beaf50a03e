#!/usr/bin/env python3
"""Provoke registrations that must fail, and count how often the verdict says so.

    python benchmarks/registration_verdicts.py COHORT [COHORT ...] [--every 1] [--masks] [--json OUT.json]
    python benchmarks/registration_verdicts.py --runs RUNS.jsonl

Each cohort's pairs of one patient's phases are the good ones; where truth.json gives the liver's motion, a pair counts
as good only if the liver is found within 2 mm, and as bad beyond 5 mm. From each pair three bad ones are made: another
patient's phase, a phase mirrored along one axis, the lower half of one volume against the upper half of the other; from
every fifth one more, noise. With --masks the reference's liver mask is fitted, as setup_dataset.py does where there is
one; without, a liver that is looked for. Missed = bad and judged "ok"; alarm = good and not judged "ok". With --runs nothing
is registered: the verdicts that `registration_peers.py` wrote down are counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from registration_pairs import Pair, breath_pairs
from registration_peers import OURS, read_runs
from registration_sources import GROUPS

from registration import RegistrationSettings, register

GOOD_MM, BAD_MM = 2.0, 5.0


def mirrored(image: sitk.Image, axis: int) -> sitk.Image:
    """Mirror the voxels along an axis; the header stays, as a wrong converter leaves it."""
    flipped = sitk.Flip(image, [a == axis for a in range(3)])
    flipped.CopyInformation(image)
    return flipped


def noise_like(image: sitk.Image) -> sitk.Image:
    """Give noise on an image's grid."""
    values = np.random.default_rng(0).normal(0, 300, image.GetSize()[::-1]).astype(np.int16)
    noise = sitk.GetImageFromArray(values)
    noise.CopyInformation(image)
    return noise


def provoked(pairs: list[tuple[str, Pair]], number: int) -> Iterator[tuple[str, sitk.Image, sitk.Image]]:
    """Give the bad pairs made from one good one: kind, reference, moving."""
    reference, moving = pairs[number][1].reference, pairs[number][1].moving
    patient = pairs[number][0].rsplit("_", 1)[0]
    others = [pair for name, pair in pairs if name.rsplit("_", 1)[0] != patient]
    yield "other patient", reference, others[number % len(others)].moving
    yield f"mirrored {'xyz'[number % 3]}", reference, mirrored(moving, number % 3)
    low, high = reference.GetSize()[2] // 2, moving.GetSize()[2] // 2
    if number % 2:
        yield "no overlap", reference[:, :, : low - 1], moving[:, :, high + 1 :]
    else:
        yield "no overlap", reference[:, :, low + 1 :], moving[:, :, : high - 1]
    if number % 5 == 0:
        yield "noise", reference, noise_like(moving)


def on_grid(mask: sitk.Image | None, reference: sitk.Image) -> sitk.Image | None:
    """Cut a mask to the part of the reference that is left; none where that holds nothing of it."""
    if mask is None:
        return None
    cut = sitk.Resample(mask, reference, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor)
    return cut if sitk.GetArrayViewFromImage(cut).any() else None


def kind_of(error_mm: float) -> str:
    """Say how good a registration is."""
    if error_mm <= GOOD_MM:
        return "good"
    return "found wrongly" if error_mm > BAD_MM else "2 to 5 mm off"


def count_runs(files: list[Path]) -> None:
    """Print a Markdown table of the verdicts of runs, by what was fitted, class and how good it is."""
    runs = [run for run in read_runs(files) if run.verdict is not None and not run.quiet]
    print("| what was fitted | class | error | ok | check | failed |\n|---|---|---|---|---|---|")
    for tool in OURS:
        for group in (*GROUPS, "all"):
            those = [run for run in runs if run.tool == tool and group in (run.group, "all")]
            for kind in ("good", "2 to 5 mm off", "found wrongly"):
                verdicts = Counter(run.verdict for run in those if kind_of(run.error_mm) == kind)
                if verdicts:
                    numbers = " | ".join(str(verdicts[v]) for v in ("ok", "check", "failed"))
                    print(f"| {tool} | {group} | {kind} | {numbers} |")


def main() -> int:
    """Print a table of verdicts by kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohorts", type=Path, nargs="*", help="cohorts with truth.json")
    parser.add_argument("--runs", type=Path, nargs="+", help="JSON lines of registration_peers.py, instead")
    parser.add_argument("--every", type=int, default=1, help="take every n-th pair only")
    parser.add_argument("--masks", action="store_true", help="fit the reference's liver mask")
    parser.add_argument("--json", type=Path, help="also write every verdict with its evidence")
    options = parser.parse_args()
    if options.runs:
        count_runs(options.runs)
        return 0
    counts: dict[str, Counter[str]] = {}
    records = []

    def take(
        kind: str,
        name: str,
        reference: sitk.Image,
        moving: sitk.Image,
        mask: sitk.Image | None,
        pair: Pair | None = None,
    ) -> None:
        result = register(
            reference, moving, reference_mask=on_grid(mask, reference), settings=RegistrationSettings()
        )
        error = pair.error_mm(result.transform) if pair else None
        if error is not None:
            kind = kind_of(error)
        counts.setdefault(kind, Counter())[result.verdict] += 1
        records.append({"kind": kind, "name": name, "error_mm": error, "verdict": result.verdict})
        records[-1] |= vars(result.evidence)
        print(f"{kind:<15} {name:<22} {result.verdict:<7} {', '.join(result.reasons)}", flush=True)

    for cohort in options.cohorts:
        pairs = list(breath_pairs(cohort, per_case=3))
        for number in range(0, len(pairs), options.every):
            name, pair = pairs[number]
            mask = pair.mask if options.masks else None
            take("good", name, pair.reference, pair.moving, mask, pair)
            for kind, reference, moving in provoked(pairs, number):
                take(kind, name, reference, moving, mask)

    print(f"\n{'kind':<15} {'ok':>6} {'check':>6} {'failed':>6}")
    for kind, count in counts.items():
        print(f"{kind:<15} {count['ok']:>6} {count['check']:>6} {count['failed']:>6}")
    good = counts.pop("good", Counter())
    counts.pop("2 to 5 mm off", None)
    bad = sum(counts.values(), Counter())
    print(f"missed {bad['ok']} of {bad.total()}, alarms {good['check'] + good['failed']} of {good.total()}")
    if options.json:
        options.json.write_text(json.dumps(records, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
