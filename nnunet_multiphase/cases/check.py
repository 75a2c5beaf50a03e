"""Open every file of a case before any work, and say what is wrong or strange about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.judged import Judged, find_exchanged_for_liver
from nnunet_multiphase.cases.plausible_masks import find_vessels_for_liver
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import GridError, MaskFiles, read_mask
from nnunet_multiphase.volumes.orientation import upright
from nnunet_multiphase.volumes.unchanged import digest_of_mask, digest_of_volume, digest_of_voxels
from nnunet_multiphase.volumes.volume_file import read_volume, split_channel
from registration.file_header import unclear_headers
from registration.nifti_bytes import unit_code
from registration.padding import tell_padding

STRAY_SHARE = 0.05
"""Share of a lesion mask that may lie outside the liver mask: edges are drawn by different hands."""
MISPLACED_SHARE = 0.9
SURROUNDED_SHARE = 0.5
"""Of what touches lesions that were cut out of a liver mask, more is liver: half of it at the liver's edge."""


@dataclass(frozen=True)
class CaseReport:
    """Hold what checking a case found.

    Attributes:
        case: Its name.
        patient: Its patient.
        problems: A sentence for each thing that forbids using the case.
        warnings: A sentence for each thing to look at.
        voxels: Phase -> digest of its voxel values, to find copies.
        parts: Digests of all that goes into the case's conversion: voxels and geometry of phases and masks.
        masks: Those of `parts` that are masks with something in them, such as "lesions on pv".
        accepted: Names of the checks that found something the user had accepted.
        implausible: What they found; among the warnings too.
        lesion_voxels: Of its lesion masks.
    """

    case: str
    patient: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    voxels: dict[str, str]
    parts: dict[str, str]
    accepted: tuple[str, ...] = ()
    implausible: tuple[str, ...] = ()
    lesion_voxels: int = 0
    masks: dict[str, str] = field(default_factory=dict)


@dataclass
class _Checked(Judged):
    """Collect also what is wrong with a case's files, and what was read of them."""

    problems: list[str] = field(default_factory=list)
    voxels: dict[str, str] = field(default_factory=dict)  # as in the report
    parts: dict[str, str] = field(default_factory=dict)
    masks: dict[str, str] = field(default_factory=dict)
    lesion_voxels: int = 0
    grids: dict[str, sitk.Image] = field(default_factory=dict)  # phases that masks are drawn on
    drawn: dict[str, np.ndarray] = field(
        default_factory=dict
    )  # "lesions", "liver" on the reference, (z, y, x)


def check_case(
    case: CaseFolder, accept: Collection[str] = (), *, read: Callable[[Path], sitk.Image] = read_volume
) -> CaseReport:
    """Read all files of a case.

    Args:
        case: Where they are.
        accept: Names of checks (see `check_names`) whose findings are no problems but warnings.
        read: How phases are read, for who keeps what was read.
    """
    judged = _Checked(accept)
    if case.name.endswith("_seg"):
        judged.problems.append(
            f"case {case.name}: nnU-Net passes over cases whose names end in _seg; rename it"
        )
    masks = [("lesions", case.reference, case.lesions), ("liver", case.reference, case.liver)]
    masks += [("lesions", phase, files) for phase, files in case.moving_lesions.items()]
    needed = {phase for _, phase, files in masks if files is not None}
    for phase in case.images:
        _check_phase(judged, case, phase, read, keep=phase in needed)
    judged.phases(f"case {case.name}", liver_drawn=case.liver is not None)
    for kind, phase, files in masks:
        if files is not None and phase in judged.grids:
            _check_mask(judged, case, kind, phase, files, read)
    _check_together(judged, case)
    return CaseReport(
        case.name,
        case.patient,
        (*judged.problems, *judged.refused),
        (*judged.warnings, *judged.accepted),
        judged.voxels,
        judged.parts,
        tuple(sorted(judged.accepted_checks)),
        tuple(judged.accepted),
        judged.lesion_voxels,
        judged.masks,
    )


def _check_phase(
    judged: _Checked, case: CaseFolder, phase: str, read: Callable[[Path], sitk.Image], *, keep: bool
) -> None:
    """Read a phase, and look whether it is another one's copy."""
    path = case.images[phase]
    try:
        image = read(path)
    except InputError as error:
        judged.problems.append(f"case {case.name}, phase {phase}: {error}")
        return
    if keep:
        judged.grids[phase] = image
    if "remarks" in image.GetMetaDataKeys() and image.GetMetaData("remarks"):
        judged.warnings.append(f"case {case.name}, phase {phase}: {image.GetMetaData('remarks')}")
    if padded := tell_padding(image):
        judged.warnings.append(f"case {case.name}, phase {phase}: {path} {padded}")
    file = split_channel(path)[0]
    judged.volume(
        f"case {case.name}, phase {phase}: {path}",
        phase,
        image,
        headers=unclear_headers(file),
        unit_code=unit_code(file) if file.is_file() else 0,
    )
    used = upright(image)  # a copy is one in whatever axis order it is stored
    values = digest_of_voxels(used)  # and in whatever type of number
    twin = next((other for other, digest in judged.voxels.items() if digest == values), None)
    if twin is not None:
        judged.problems.append(
            f"case {case.name}: {path} and {case.images[twin]} hold the same voxels; one of them is not {phase} or "
            f"{twin}: export it again or remove it"
        )
    judged.voxels[phase] = values
    judged.parts[phase] = digest_of_volume(used, values)


def _check_mask(
    judged: _Checked,
    case: CaseFolder,
    kind: str,
    phase: str,
    files: MaskFiles,
    read: Callable[[Path], sitk.Image],
) -> None:
    """Read a mask on its phase's grid."""
    grid = judged.grids[phase]
    without = f", or {files.without}" if files.without else ""
    try:
        image = read_mask(files, grid, case.images[phase].name)
    except GridError as error:
        judged.problems.append(f"case {case.name}: {error}{_where_it_fits(files, case, read)}{without}")
        return
    except InputError as error:
        judged.problems.append(f"case {case.name}: {error}{without}")
        return
    mask = sitk.GetArrayFromImage(image)
    judged.parts[f"{kind} on {phase}"] = digest = digest_of_mask(image)
    if mask.any():
        judged.masks[f"{kind} on {phase}"] = digest
    judged.lesion_voxels += int(mask.sum()) if kind == "lesions" else 0
    if kind == "liver" and not mask.any():
        judged.problems.append(
            f"case {case.name}: {files} is empty: expected the liver; draw it or remove the file"
        )
        return
    inside = mask.astype(bool)
    if phase in judged.samples:
        where, drawn = f"case {case.name}: {files}", case.liver is not None
        judged.mask(where, kind, phase, inside, grid, liver_drawn=drawn)
    if phase == case.reference:
        judged.drawn[kind] = inside


def _check_together(judged: _Checked, case: CaseFolder) -> None:
    """Ask whether lesions and liver belong together."""
    lesions, liver = judged.drawn.get("lesions"), judged.drawn.get("liver")
    if liver is not None:
        thin = find_vessels_for_liver(liver, lesions, judged.grids[case.reference])
        if judged.add(f"case {case.name}: {case.liver}", [thin]):
            return
    if lesions is None or liver is None or not lesions.any():
        return
    outside = float((lesions & ~liver).sum() / lesions.sum())
    if outside > MISPLACED_SHARE and _are_cut_out(lesions, liver):
        return  # a liver around its lesions: what is fitted and learned is the same
    if outside > MISPLACED_SHARE:
        judged.problems.append(
            f"case {case.name}: {100 * outside:.0f} % of {case.lesions} lie outside {case.liver}: they do not belong "
            "together; correct one of them"
        )
    elif outside > STRAY_SHARE:
        judged.warnings.append(
            f"case {case.name}: {100 * outside:.0f} % of the lesions lie outside the liver mask"
        )
    judged.add(f"case {case.name}: {case.lesions}", [find_exchanged_for_liver(lesions, liver)])


def _are_cut_out(lesions: np.ndarray, liver: np.ndarray) -> bool:
    """Tell whether lesions fill holes of a liver mask: liver is what mostly touches them. Both boolean (z, y, x)."""
    box = tuple(
        slice(max(0, s.start - 1), s.stop + 1) for s in ndimage.find_objects(lesions.astype(np.uint8))[0]
    )
    near = ndimage.binary_dilation(lesions[box]) & ~lesions[box]
    return bool(liver[box][near].mean() >= SURROUNDED_SHARE) if near.any() else False


def _where_it_fits(files: MaskFiles, case: CaseFolder, read: Callable[[Path], sitk.Image]) -> str:
    """Name the phases on whose grid a mask lies, if any: public sets have masks named after the wrong one."""
    fits = []
    for phase, path in case.images.items():
        try:
            read_mask(files, read(path), phase)
        except InputError:
            continue  # an image that is unreadable, or another grid again
        fits.append(phase)
    if not fits:
        return ""
    return f" (it fits that of {' and of '.join(fits)}: if it was drawn there, name it so)"


def find_copies(reports: Sequence[CaseReport]) -> list[str]:
    """Find volumes that two patients share: one patient under two names would be in training and test.

    Returns:
        A sentence for each pair of cases.
    """
    seen: dict[str, tuple[CaseReport, str]] = {}
    told: set[tuple[str, str]] = set()
    problems = []
    for report in reports:
        for phase, digest in report.voxels.items():
            other, its_phase = seen.setdefault(digest, (report, phase))
            if other.patient != report.patient and (other.case, report.case) not in told:
                told.add((other.case, report.case))
                problems.append(
                    f"case {report.case}: its {phase} holds the same voxels as {its_phase} of case {other.case}, another "
                    "patient's; remove one case, or give both the same patient (patients.csv, or the table's column)"
                )
    return problems
