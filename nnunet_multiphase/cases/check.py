"""Open every file of a case before any work, and say what is wrong or strange about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.liver_place import (
    FoundLiver,
    find_liver_on_the_left,
    lesions_elsewhere,
    locate_liver,
)
from nnunet_multiphase.cases.plausibility import Finding, Sample, sample_volume
from nnunet_multiphase.cases.plausible_body import (
    Body,
    find_implausible_body,
    find_implausible_spacing,
    find_unlike_phases,
    measure_body,
)
from nnunet_multiphase.cases.plausible_masks import (
    FEW_VOXELS,
    find_implausible_mask_size,
    find_misplaced_lesions,
    find_misplaced_liver,
    find_wrong_side,
)
from nnunet_multiphase.cases.plausible_order import (
    ARTERIAL,
    LATER,
    find_unenhanced_too_bright,
    told_of_bright_liver,
)
from nnunet_multiphase.cases.plausible_values import find_implausible_values
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import GridError, MaskFiles, read_mask
from nnunet_multiphase.volumes.orientation import upright
from nnunet_multiphase.volumes.unchanged import digest_of_mask, digest_of_volume, digest_of_voxels
from nnunet_multiphase.volumes.volume_file import read_volume, split_channel
from registration.file_header import unclear_headers
from registration.nifti_bytes import unit_code
from registration.padding import tell_padding, without_padding

STRAY_SHARE = 0.05
"""Share of a lesion mask that may lie outside the liver mask: edges are drawn by different hands."""
MISPLACED_SHARE = 0.9
MOST_OF_LIVER = 0.9
"""A lesion mask that fills more of the liver than this is the liver's: labels or files are exchanged."""


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


@dataclass
class _Judged:
    """Collect what is wrong or implausible of a case, and what is known of it by then."""

    case: str
    accept: Collection[str]
    problems: list[str] = field(default_factory=list)
    voxels: dict[str, str] = field(default_factory=dict)  # as in the report
    parts: dict[str, str] = field(default_factory=dict)
    lesion_voxels: int = 0
    grids: dict[str, sitk.Image] = field(default_factory=dict)  # phases that masks are drawn on
    drawn: dict[str, np.ndarray] = field(
        default_factory=dict
    )  # "lesions", "liver" on the reference, (z, y, x)
    refused: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    accepted_checks: set[str] = field(default_factory=set)
    samples: dict[str, Sample] = field(default_factory=dict)  # of phases that are plausible
    bodies: dict[str, Body] = field(default_factory=dict)
    livers: list[FoundLiver] = field(default_factory=list)  # found, where no mask says where it is

    def add(self, where: str, findings: Iterable[Finding | None]) -> bool:
        """Note findings under the place they are about; tell whether there was one."""
        found = [finding for finding in findings if finding is not None]
        for finding in found:
            if finding.check in self.accept:
                self.accepted.append(f"{where} {finding.clause} (--accept {finding.check})")
                self.accepted_checks.add(finding.check)
            else:
                self.refused.append(f"{where} {finding}")
        return bool(found)


def check_case(
    case: CaseFolder, accept: Collection[str] = (), *, read: Callable[[Path], sitk.Image] = read_volume
) -> CaseReport:
    """Read all files of a case.

    Args:
        case: Where they are.
        accept: Names of checks (see `check_names`) whose findings are no problems but warnings.
        read: How phases are read, for who keeps what was read.
    """
    judged = _Judged(case.name, accept)
    if case.name.endswith("_seg"):
        judged.problems.append(
            f"case {case.name}: nnU-Net passes over cases whose names end in _seg; rename it"
        )
    masks = [("lesions", case.reference, case.lesions), ("liver", case.reference, case.liver)]
    masks += [("lesions", phase, files) for phase, files in case.moving_lesions.items()]
    needed = {phase for _, phase, files in masks if files is not None}
    for phase in case.images:
        _check_phase(judged, case, phase, read, keep=phase in needed)
    judged.add(f"case {case.name}:", [find_unlike_phases(judged.samples, judged.bodies)])
    judged.add(f"case {case.name}:", [find_unenhanced_too_bright(judged.samples)])
    ordered = {ARTERIAL, *LATER} if ARTERIAL in judged.bodies else set()
    sought = judged.bodies.keys() if case.liver is None else judged.bodies.keys() & ordered
    livers = {phase: locate_liver(judged.samples[phase]) for phase in judged.samples if phase in sought}
    if case.liver is None:
        judged.livers += [liver for liver in livers.values() if liver is not None]
        judged.add(f"case {case.name}", [find_liver_on_the_left(judged.livers)])
    if told := told_of_bright_liver(livers):
        judged.warnings.append(f"case {case.name}: {told}")
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
    )


def _check_phase(
    judged: _Judged, case: CaseFolder, phase: str, read: Callable[[Path], sitk.Image], *, keep: bool
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
    _judge_volume(judged, phase, path, image)
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
    judged: _Judged,
    case: CaseFolder,
    kind: str,
    phase: str,
    files: MaskFiles,
    read: Callable[[Path], sitk.Image],
) -> None:
    """Read a mask on its phase's grid."""
    grid = judged.grids[phase]
    try:
        image = read_mask(files, grid, case.images[phase].name)
    except GridError as error:
        judged.problems.append(f"case {case.name}: {error}{_where_it_fits(files, case, read)}")
        return
    except InputError as error:
        judged.problems.append(f"case {case.name}: {error}")
        return
    mask = sitk.GetArrayFromImage(image)
    judged.parts[f"{kind} on {phase}"] = digest_of_mask(image)
    judged.lesion_voxels += int(mask.sum()) if kind == "lesions" else 0
    if kind == "liver" and not mask.any():
        judged.problems.append(
            f"case {case.name}: {files} is empty: expected the liver; draw it or remove the file"
        )
        return
    inside = mask.astype(bool)
    if phase in judged.samples:
        _judge_mask(judged, kind, phase, files, inside, grid, liver_drawn=case.liver is not None)
    if phase == case.reference:
        judged.drawn[kind] = inside


def _check_together(judged: _Judged, case: CaseFolder) -> None:
    """Ask whether lesions and liver belong together."""
    lesions, liver = judged.drawn.get("lesions"), judged.drawn.get("liver")
    if lesions is None or liver is None or not lesions.any():
        return
    outside = float((lesions & ~liver).sum() / lesions.sum())
    if outside > MISPLACED_SHARE:
        judged.problems.append(
            f"case {case.name}: {100 * outside:.0f} % of {case.lesions} lie outside {case.liver}: they do not belong "
            "together; correct one of them"
        )
    elif outside > STRAY_SHARE:
        judged.warnings.append(
            f"case {case.name}: {100 * outside:.0f} % of the lesions lie outside the liver mask"
        )
    judged.add(f"case {case.name}: {case.lesions}", [_exchanged_for_liver(lesions, liver)])


def _exchanged_for_liver(lesions: np.ndarray, liver: np.ndarray) -> Finding | None:
    """Say that a lesion mask is the liver's."""
    share = float((lesions & liver).sum() / liver.sum())
    if int(liver.sum()) < FEW_VOXELS or share <= MOST_OF_LIVER:
        return None
    return Finding(
        "mask-size",
        f"fills {100 * share:.0f} % of the liver mask: the labels or the files of liver and lesions seem to be exchanged; "
        "correct them, or --lesion-labels and --liver-labels",
    )


def _judge_volume(judged: _Judged, phase: str, path: Path, image: sitk.Image) -> None:
    """Ask whether a phase's values and millimetres can be a body's."""
    where = f"case {judged.case}, phase {phase}: {path}"
    sample = sample_volume(image)
    file = split_channel(path)[0]
    headers = unclear_headers(file)
    code = unit_code(file) if file.is_file() else 0
    sizes = [header for header in headers if header.check == "spacing"]
    implausible = judged.add(where, sizes or [find_implausible_spacing(sample, code)])
    implausible |= judged.add(where, [find_implausible_values(sample)])
    judged.add(where, [header for header in headers if header not in sizes])
    if implausible:
        return  # what follows relies on both
    if (seen := without_padding(image)) is not image:
        sample = sample_volume(seen)  # padding of 0 would be a body up to the volume's sides
    judged.samples[phase] = sample
    body = measure_body(sample)
    if body is not None:
        judged.bodies[phase] = body
        judged.add(where, find_implausible_body(sample, body))


def _judge_mask(
    judged: _Judged,
    kind: str,
    phase: str,
    files: MaskFiles,
    mask: np.ndarray,
    grid: sitk.Image,
    *,
    liver_drawn: bool,
) -> None:
    """Ask whether a mask can lie on its organ."""
    where = f"case {judged.case}: {files}"
    if not mask.any() or judged.add(where, [find_implausible_mask_size(mask, grid, kind)]):
        return
    misplaced = find_misplaced_liver if kind == "liver" else find_misplaced_lesions
    if judged.add(where, [misplaced(mask, grid)]) or (kind == "lesions" and liver_drawn):
        return
    body = judged.bodies.get(phase)
    if body is not None and judged.add(
        where, [find_wrong_side(mask, grid, body.middle_mm, body.seen_mm, kind)]
    ):
        return
    if kind == "lesions":
        strange = lesions_elsewhere(mask, grid, judged.livers)
        judged.warnings += [f"{where} {strange}"] if strange else []


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
