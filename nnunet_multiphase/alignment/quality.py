"""Measure how each phase of a case went and write the cohort's quality table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from nnunet_multiphase.alignment.copied_phase import told_of_copy
from nnunet_multiphase.table_cells import write_rows
from nnunet_multiphase.whole_file import whole_file

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.align import AlignedPhases
    from registration import RegistrationResult

LOW_COVERED_FRACTION = 0.5
LARGE_SHIFT_MM = 60.0
LARGE_ROTATION_DEGREES = 25.0
REGISTERED_WITHIN_MM = 5.0
"""Phases said to be registered may still differ by this much from what our registration finds: half a thick slice."""


@dataclass(frozen=True)
class PhaseQuality:
    """One line of quality.csv; None is written as an empty cell."""

    case: str
    patient: str
    split: str  # train, test; skipped, failed: not in the dataset
    reference: str
    phase: str
    status: str  # present, filled, missing, dropped
    similarity_before: float | None = None  # headers alone
    similarity_after: float | None = None
    verdict: str = ""  # ok, check, failed: the registration's own judgement
    region: str = ""  # what was fitted: mask, liver (found without a mask) or body
    deformed: str = ""  # yes, no; empty where it was not asked for
    overlap: float | None = None  # 0..1
    expected_error_mm: float | None = None  # of what was fitted; the true one lies below it in 90 % of pairs
    edge_agreement: float | None = None  # of the liver's edges: 1 = at the same places, 0 = by chance
    shift_mm: float | None = None  # of the liver's centre (without a liver mask: the volume's)
    rotation_degrees: float | None = None
    seconds: float | None = None
    covered_fraction: float | None = None  # of the reference's voxels, by all phases together
    placed_by: str = ""  # registration, or header: the phase was not moved
    warnings: str = ""


def measure_phase(
    aligned: AlignedPhases, phase: str, *, case: str, patient: str, split: str, centre_mm: np.ndarray
) -> PhaseQuality:
    """Put one aligned phase's figures together.

    Args:
        aligned: The case.
        phase: One of `aligned.images`.
        case: Case name.
        patient: Patient name.
        split: train or test.
        centre_mm: (3,) point (x, y, z) whose displacement is given.

    Returns:
        The line; the reference phase has no similarity, overlap and time of its own.
    """
    warnings = _of_the_case(aligned, phase)
    row = PhaseQuality(
        case,
        patient,
        split,
        aligned.reference,
        phase,
        "present",
        shift_mm=0.0,
        rotation_degrees=0.0,
        covered_fraction=aligned.covered_fraction,
        warnings="; ".join(warnings),
    )
    if phase == aligned.reference:
        return row
    result = aligned.results[phase]
    # What was found, also where it was not applied: that is what tells about the phase.
    shift, rotation = displacement(result.rigid, centre_mm)
    warnings += _of_the_registration(aligned, phase, shift, rotation)
    placed_by = "registration"
    if phase in aligned.by_header:
        placed_by = "header"
    elif phase in aligned.dropped:
        placed_by = ""
    return replace(
        row,
        status="dropped" if phase in aligned.dropped else "present",
        placed_by=placed_by,
        similarity_before=_measured(result.similarity_before),
        similarity_after=_measured(result.similarity_after),
        verdict=result.verdict,
        region=result.region,
        deformed=_deformed(result),
        overlap=_measured(result.overlap),
        expected_error_mm=_measured(result.expected_error_mm),
        edge_agreement=result.evidence.edge_agreement,
        shift_mm=shift,
        rotation_degrees=rotation,
        seconds=result.seconds,
        warnings="; ".join(warnings),
    )


def _of_the_case(aligned: AlignedPhases, phase: str) -> list[str]:
    """Say what to look at of any phase, the reference too."""
    warnings = []
    fraction = aligned.covered_fraction if aligned.trusted_fraction is None else aligned.trusted_fraction
    if fraction < LOW_COVERED_FRACTION:
        warnings.append(f"only {100 * fraction:.0f} % of the reference is covered by {shown_by(aligned)}")
    copied = told_of_copy(aligned.images, phase)
    return [*warnings, copied] if copied else warnings


def _of_the_registration(aligned: AlignedPhases, phase: str, shift_mm: float, rotation: float) -> list[str]:
    """Say what to look at of a phase that was registered; `rotation` in degrees."""
    warnings = []
    result = aligned.results[phase]
    if phase in aligned.cut_masks:
        warnings.append(aligned.cut_masks[phase])
    if phase in aligned.dropped:
        warnings.append("left out")
    if phase in aligned.by_header and result.verdict == "ok" and shift_mm > REGISTERED_WITHIN_MM:
        warnings.append(
            f"not moved, though a registration would move it by {shift_mm:.0f} mm: look at the overview picture"
        )
    elif phase in aligned.by_header and result.verdict != "ok":
        warnings.append("placed by the headers")
    if result.verdict != "ok":
        warnings.append(f"registration {result.verdict}: {', '.join(result.reasons)}")
    if phase in aligned.not_trusted:
        share = aligned.not_trusted[phase]
        warnings.append(f"no say in the crop, where it has data in {100 * share:.0f} % of the voxels")
    if result.similarity_after <= result.similarity_before:
        warnings.append("similarity did not rise")
    if shift_mm > LARGE_SHIFT_MM or rotation > LARGE_ROTATION_DEGREES:
        warnings.append(
            f"large motion ({shift_mm:.0f} mm, {rotation:.0f} degrees): look at the overview picture"
        )
    return warnings


def _measured(value: float) -> float | None:
    """Give a figure; none where another registration than ours did not measure it (nan)."""
    return None if math.isnan(value) else value


def _deformed(result: RegistrationResult) -> str:
    return "" if result.deformation is None else "yes" if result.deformation.accepted else "no"


def shown_by(aligned: AlignedPhases) -> str:
    """Name the phases that had a say in the crop."""
    trusted = [phase for phase in aligned.images if phase not in aligned.not_trusted]
    return "all phases" if not aligned.not_trusted else " and ".join(trusted)


def is_doubtful(row: PhaseQuality) -> bool:
    """Tell whether a phase may lie elsewhere than its reference: training moves such phases more than others."""
    not_where_it_would_be = row.placed_by == "header" and (row.shift_mm or 0.0) > REGISTERED_WITHIN_MM
    return row.status == "present" and (row.verdict not in ("", "ok") or not_where_it_would_be)


def misplacement_mm(row: PhaseQuality) -> float | None:
    """Tell how far a phase may lie from its place (mm, in 90 % of pairs); none where nothing is known of it.

    A phase that its header placed lies as far off, besides, as the registration would have moved it.
    """
    if row.status != "present" or row.expected_error_mm is None or row.verdict == "failed":
        return None
    return math.hypot(row.expected_error_mm, (row.shift_mm or 0.0) if row.placed_by == "header" else 0.0)


def displacement(transform: sitk.Transform, point_mm: np.ndarray) -> tuple[float, float]:
    """Tell how far a transform moves a point (mm) and how much it turns what is there (degrees, 0..180).

    The turn is the rotation nearest to the transform's derivative at the point, so that a stretch or shear counts for none
    (polar decomposition: Higham, 1986, doi:10.1137/0907079).
    """
    point = np.asarray(point_mm, float)

    def moved(there: np.ndarray) -> np.ndarray:
        return np.array(transform.TransformPoint(there.tolist()))

    derivative = np.stack([moved(point + step) - moved(point - step) for step in np.eye(3)], axis=1) / 2
    u, _, vt = np.linalg.svd(derivative)
    nearest = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    angle = Rotation.from_matrix(nearest).magnitude()
    return float(np.linalg.norm(moved(point) - point)), float(np.degrees(angle))


def centre_of(mask: sitk.Image | None, image: sitk.Image) -> np.ndarray:
    """Find the mask's centre of mass, or the image's middle without (or with an empty) mask; (3,) mm (x, y, z)."""
    if mask is not None:
        voxels = np.argwhere(sitk.GetArrayViewFromImage(mask))  # (n, 3) zyx
        if len(voxels):
            return np.array(mask.TransformContinuousIndexToPhysicalPoint(voxels.mean(0)[::-1].tolist()))
    middle = [(n - 1) / 2 for n in image.GetSize()]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(middle))


def write_quality(rows: Iterable[PhaseQuality], path: Path) -> Path:
    """Write quality.csv: one line per case and phase, figures with four significant digits."""
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as stream:
        header = [field.name for field in fields(PhaseQuality)]
        cells = [[_cell(value) for value in asdict(row).values()] for row in rows]
        write_rows(stream, [header, *cells], ending="\n")
    return path


def _cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
