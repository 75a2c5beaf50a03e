#!/usr/bin/env python3
"""Compare deformations with the rigid motion they start from, on livers that bend and on livers that do not.

    python benchmarks/registration_deformable.py COHORT ... --runs RUNS.jsonl [--mask] [--tools TOOL,...]

COHORT is a folder of cases with truth.json, as the shared cohorts are laid out; liver_pairs_mm in it says where points of
a bending liver lie. Each phase is registered rigidly, then every tool deforms from there. With --mask all know the liver,
and ours the lesions, whose volume it then keeps. Errors, the Jacobian and the lesions' volumes are taken from the transform
alone, the same way for every tool. TOOL is ours, elastix, antspy, convexadam or torch_spline (see
registration_bending_peers.py). A run is a line of RUNS.jsonl; what stands there is not run again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from registration_bending_peers import NEEDS, PEERS, WINDOW_HU
from registration_pairs import Pair, breath_pairs

from registration import RegistrationSettings, register
from registration.resample import resample_image
from registration.shapes import pieces
from registration.volume import image_like, mask_from_image

THREADS_OF = ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS")  # ITK, elastix, ANTs; torch
GRID_MM = 3.0  # on which the Jacobian is read


@dataclass(frozen=True)
class Run:
    """Hold one deformation of one pair; lengths are mean errors in the liver.

    Attributes:
        cohort: Its folder's name.
        pair: Case and moving phase.
        tool: What deformed.
        mask: Whether the masks of liver and lesions were known.
        rigid_mm: Error of the rigid fit.
        best_rigid_mm: Of the rigid motion that fits the true points best.
        error_mm: After the deformation.
        seconds: What the deformation took, beyond the rigid fit.
        least_jacobian: Over the reference.
        lesion_change: Volume change (share) of the lesion that changes most.
        kept: Whether the tool kept its deformation.
        significance: See `registration.settings.Deformation`; ours only.
        expected_error_mm: The same.
        reason: Why ours was dropped.
        verdict: Of the rigid fit.
    """

    cohort: str
    pair: str
    tool: str
    mask: bool
    rigid_mm: float
    best_rigid_mm: float
    error_mm: float
    seconds: float
    least_jacobian: float
    lesion_change: float
    kept: bool
    significance: float | None
    expected_error_mm: float | None
    reason: str
    verdict: str


def bending_pairs(cohort: Path) -> Iterator[tuple[str, Pair, sitk.Image]]:
    """Give each moving phase of a cohort with its true points and the lesions' mask."""
    for name, pair in breath_pairs(cohort, per_case=3):
        case, phase = cohort / name.rsplit("_", 1)[0], name.rsplit("_", 1)[1]
        truth = json.loads((case / "truth.json").read_text())
        if "liver_pairs_mm" in truth:
            known = np.array(truth["liver_pairs_mm"][phase])
            pair = Pair(pair.reference, pair.moving, known[:, 0], known[:, 1], pair.mask)
        yield name, pair, sitk.ReadImage(str(case / f"lesions_{truth['reference']}.nii.gz"))


def best_rigid_mm(pair: Pair) -> float:
    """Give the error that the best rigid motion leaves (Kabsch, doi:10.1107/S0567739476001873)."""
    here, there = pair.points - pair.points.mean(0), pair.places - pair.places.mean(0)
    u, _, v = np.linalg.svd(here.T @ there)
    turn = v.T @ np.diag([1, 1, np.linalg.det(v.T @ u.T)]) @ u.T
    return float(np.linalg.norm(here @ turn.T - there, axis=1).mean())


def harm(found: sitk.Transform, pair: Pair, lesions: sitk.Image) -> tuple[float, float]:
    """Give the least Jacobian over the reference, and the volume change of the lesion that changes most."""
    shape = pair.reference.GetSize()
    ends = [
        pair.reference.TransformIndexToPhysicalPoint(
            [int(far) * (size - 1) for far, size in zip(corner, shape, strict=True)]
        )
        for corner in np.ndindex(2, 2, 2)
    ]
    low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    # A grid along the world's axes: ITK's Jacobian takes the displacements for those along the grid's.
    field = sitk.TransformToDisplacementField(
        found,
        sitk.sitkVectorFloat64,
        (np.ceil((high - low) / GRID_MM).astype(int) + 1).tolist(),
        low.tolist(),
        [GRID_MM] * 3,
    )
    jacobian = sitk.DisplacementFieldJacobianDeterminant(field)
    at_lesions = sitk.GetArrayFromImage(
        sitk.Resample(jacobian, lesions, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 1.0)
    )
    numbered = pieces(mask_from_image(lesions))
    changes = [float(at_lesions[numbered == n].mean() - 1) for n in range(1, int(numbered.max()) + 1)]
    return float(sitk.GetArrayViewFromImage(jacobian).min()), max(changes, key=abs, default=0.0)


def measure(
    pair: Pair, lesions: sitk.Image, tools: list[str], mask: bool, model: str, threads: int
) -> Iterator[dict[str, Any]]:
    """Deform one pair by each tool."""
    liver = pair.mask if mask else None
    settings = RegistrationSettings(threads=threads)
    started = time.perf_counter()
    rigidly = register(pair.reference, pair.moving, reference_mask=liver, settings=settings)
    rigid_s = time.perf_counter() - started
    for tool in tools:
        about: dict[str, Any] = {"significance": None, "expected_error_mm": None, "reason": "", "kept": True}
        started = time.perf_counter()
        if tool == "ours":
            bent = register(
                pair.reference,
                pair.moving,
                reference_mask=liver,
                lesion_mask=lesions if mask else None,
                settings=RegistrationSettings(threads=threads, model=model),
            )
            seconds = time.perf_counter() - started - rigid_s
            found, report = bent.transform, bent.deformation
            assert report is not None
            about = {
                "significance": report.significance,
                "expected_error_mm": report.expected_error_mm,
                "reason": report.reason,
                "kept": report.accepted,
            }
        else:
            moved = resample_image(pair.moving, pair.reference, rigidly.rigid)
            near = None if liver is None else image_like(mask_from_image(liver).astype(np.uint8), liver)
            seen = [sitk.Clamp(image, sitk.sitkFloat32, *WINDOW_HU) for image in (pair.reference, moved)]
            warp = PEERS[tool](*seen, near)
            seconds = time.perf_counter() - started
            found = sitk.CompositeTransform([rigidly.rigid, warp])
        jacobian, change = harm(found, pair, lesions)
        yield {
            "tool": tool,
            "mask": mask,
            "rigid_mm": pair.error_mm(rigidly.rigid),
            "best_rigid_mm": best_rigid_mm(pair),
            "error_mm": pair.error_mm(found),
            "seconds": seconds,
            "least_jacobian": jacobian,
            "lesion_change": change,
            "verdict": rigidly.verdict,
            **about,
        }


def print_table(runs: list[Run]) -> None:
    """Print a Markdown table: cohort by tool, errors rigid and deformed, harm and time."""
    titles = (
        "cohort",
        "tool",
        "masks",
        "pairs",
        "deformed",
        "best rigid, mm",
        "rigid, mm: median, 90 %, worst",
        "deformed, mm: median, 90 %, worst",
        "least Jacobian",
        "lesion volume",
        "error below expected",
        "s (worst)",
    )
    print(f"\n| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for cohort, tool, mask in sorted({(run.cohort, run.tool, run.mask) for run in runs}):
        those = [run for run in runs if (run.cohort, run.tool, run.mask) == (cohort, tool, mask)]

        def of(name: str, those: list[Run] = those) -> np.ndarray:
            return np.array([getattr(run, name) for run in those], dtype=float)

        def three(name: str) -> str:
            values = of(name)
            return f"{np.median(values):.2f}, {np.quantile(values, 0.9):.2f}, {values.max():.2f}"

        known = of("error_mm") <= of("expected_error_mm")
        calm = f"{known.sum()} of {np.isfinite(of('expected_error_mm')).sum()}" if tool == "ours" else "-"
        print(
            f"| {cohort} | {tool} | {'yes' if mask else 'no'} | {len(those)} | {int(of('kept').sum())} | "
            f"{np.median(of('best_rigid_mm')):.2f} | {three('rigid_mm')} | {three('error_mm')} | "
            f"{of('least_jacobian').min():.2f} | {100 * abs(of('lesion_change')).max():.1f} % | {calm} | "
            f"{np.median(of('seconds')):.1f} ({of('seconds').max():.1f}) |"
        )


def main() -> int:
    """Measure what is missing, print each run as it ends, and the table of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohorts", type=Path, nargs="+", metavar="COHORT")
    parser.add_argument("--runs", type=Path, required=True, help="JSON lines, added to")
    parser.add_argument("--tools", help="default: all that are installed; '' for the table alone")
    parser.add_argument("--mask", action="store_true", help="give the masks of liver and lesions")
    parser.add_argument("--model", choices=("deformable", "auto"), default="auto")
    parser.add_argument("--every", type=int, default=1, help="take only each so manieth pair")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    # The peers load their libraries when first asked, and those read this then.
    os.environ.update({name: str(options.threads) for name in THREADS_OF})
    there = ["ours", *(tool for tool, module in NEEDS.items() if importlib.util.find_spec(module))]
    tools = there if options.tools is None else [*filter(None, options.tools.split(","))]
    runs = []
    if options.runs.exists():
        runs = [Run(**json.loads(line)) for line in options.runs.read_text().splitlines()]
    done = {(run.cohort, run.pair, run.tool, run.mask) for run in runs}
    with options.runs.open("a") as file:
        for cohort in options.cohorts:
            for number, (name, pair, lesions) in enumerate(bending_pairs(cohort)):
                wanted = [t for t in tools if (cohort.name, name, t, options.mask) not in done]
                if number % options.every or not wanted:
                    continue
                for facts in measure(pair, lesions, wanted, options.mask, options.model, options.threads):
                    run = Run(cohort=cohort.name, pair=name, **facts)
                    runs.append(run)
                    file.write(json.dumps(asdict(run)) + "\n")
                    file.flush()
                    print(
                        f"{run.cohort} {run.pair} {run.tool}: {run.rigid_mm:.2f} -> {run.error_mm:.2f} mm, "
                        f"{run.seconds:.1f} s, {run.significance} {run.reason}",
                        flush=True,
                    )
    print_table(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
