"""Open every file of a case before any work, and say what is wrong or strange about it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.data.case_folder import CaseFolder
from nnunet_multiphase.data.orientation import upright
from nnunet_multiphase.data.volume_file import GridError, MaskFiles, read_mask, read_volume
from nnunet_multiphase.errors import InputError

STRAY_SHARE = 0.05
"""Share of a lesion mask that may lie outside the liver mask: edges are drawn by different hands."""
MISPLACED_SHARE = 0.9
LEAST_AIR_HU = -1100.0
LEAST_RANGE_HU = 150.0
"""From fat at -100 HU to soft tissue at 50."""


@dataclass(frozen=True)
class CaseReport:
    """Hold what checking a case found.

    Attributes:
        case: Its name.
        patient: Its patient.
        problems: A sentence for each thing that forbids using the case.
        warnings: A sentence for each thing to look at.
        voxels: Phase -> digest of its voxel values, to find copies.
        content: Digest of all that goes into the case's conversion: voxels and geometry of phases and masks.
    """

    case: str
    patient: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    voxels: dict[str, str]
    content: str


def check_case(case: CaseFolder) -> CaseReport:
    """Read all files of a case.

    Args:
        case: Where they are.
    """
    problems: list[str] = []
    if case.name.endswith("_seg"):
        problems.append(f"case {case.name}: nnU-Net passes over cases whose names end in _seg; rename it")
    warnings: list[str] = []
    voxels: dict[str, str] = {}
    content = hashlib.blake2b()
    masks = [("lesions", case.reference, case.lesions), ("liver", case.reference, case.liver)]
    masks += [("lesions", phase, files) for phase, files in case.moving_lesions.items()]
    needed = {phase for _, phase, files in masks if files is not None}
    grids: dict[str, sitk.Image] = {}
    for phase, path in case.images.items():
        try:
            image = read_volume(path)
        except InputError as error:
            problems.append(f"case {case.name}, phase {phase}: {error}")
            continue
        if phase in needed:
            grids[phase] = image
        if "remarks" in image.GetMetaDataKeys() and image.GetMetaData("remarks"):
            warnings.append(f"case {case.name}, phase {phase}: {image.GetMetaData('remarks')}")
        complaint = not_hu(image)
        if complaint:
            problems.append(f"case {case.name}, phase {phase}: {path} {complaint}")
        used = upright(image)  # a copy is one in whatever axis order it is stored
        values = hashlib.blake2b(memoryview(sitk.GetArrayViewFromImage(used)), digest_size=16)
        values.update(repr(used.GetSize()).encode())
        twin = next((other for other, digest in voxels.items() if digest == values.hexdigest()), None)
        if twin is not None:
            problems.append(
                f"case {case.name}: {path} and {case.images[twin]} hold the same voxels; one of them is not {phase} or "
                f"{twin}: export it again or remove it"
            )
        voxels[phase] = values.hexdigest()
        geometry = (phase, used.GetSpacing(), used.GetOrigin(), used.GetDirection())
        content.update(values.digest() + repr(geometry).encode())
    read: dict[str, np.ndarray] = {}
    for kind, phase, files in masks:
        if files is None or phase not in grids:
            continue
        try:
            mask = sitk.GetArrayFromImage(read_mask(files, grids[phase], case.images[phase].name))
        except GridError as error:
            problems.append(f"case {case.name}: {error}{_where_it_fits(files, case)}")
            continue
        except InputError as error:
            problems.append(f"case {case.name}: {error}")
            continue
        content.update(f"{kind} {phase}".encode() + np.packbits(mask.astype(bool)).tobytes())
        if kind == "liver" and not mask.any():
            problems.append(
                f"case {case.name}: {files} is empty: expected the liver; draw it or remove the file"
            )
        elif phase == case.reference:
            read[kind] = mask.astype(bool)
    if "lesions" in read and "liver" in read and read["lesions"].any():
        outside = float((read["lesions"] & ~read["liver"]).sum() / read["lesions"].sum())
        if outside > MISPLACED_SHARE:
            problems.append(
                f"case {case.name}: {100 * outside:.0f} % of {case.lesions} lie outside {case.liver}: they do not belong "
                "together; correct one of them"
            )
        elif outside > STRAY_SHARE:
            warnings.append(
                f"case {case.name}: {100 * outside:.0f} % of the lesions lie outside the liver mask"
            )
    return CaseReport(case.name, case.patient, tuple(problems), tuple(warnings), voxels, content.hexdigest())


def _where_it_fits(files: MaskFiles, case: CaseFolder) -> str:
    """Name the phases on whose grid a mask lies, if any: public sets have masks named after the wrong one."""
    fits = []
    for phase, path in case.images.items():
        try:
            read_mask(files, read_volume(path), phase)
        except InputError:
            continue  # an image that is unreadable, or another grid again
        fits.append(phase)
    if not fits:
        return ""
    return f" (it fits that of {' and of '.join(fits)}: if it was drawn there, name it so)"


def not_hu(image: sitk.Image) -> str:
    """Say why a volume's values cannot be HU; the empty text if they can.

    Any part of a body holds fat or air, which are below 0 HU, and bone or contrast agent well above.
    """
    values = sitk.GetArrayViewFromImage(image)
    low, high = float(values.min()), float(values.max())
    if low < LEAST_AIR_HU:  # scanners pad with -2000 or -3024 what they have not seen
        low = float(values[values > low].min()) if high > low else low
    shown = f"holds values from {low:g} to {high:g}"
    if low >= 0 and high <= 255:
        return f"{shown}: a window of grey values, not HU (nothing is below 0); export it again in HU"
    if low >= 0:
        return (
            f"{shown}, nothing below 0 where HU have fat and air: the rescale intercept (mostly -1024) is missing; "
            "export it again in HU"
        )
    if high - low < LEAST_RANGE_HU:
        return f"{shown}: too little for HU, as of a normalised image; export it again in HU"
    return ""


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
