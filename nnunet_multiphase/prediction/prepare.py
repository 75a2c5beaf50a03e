"""Check and register one patient's phases."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk

from nnunet_multiphase.alignment.align import AlignedPhases, align_phases, crop
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.case_name import case_id
from nnunet_multiphase.cases.check import CaseReport, check_case
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import read_mask
from nnunet_multiphase.volumes.orientation import StoredGrid, stored_grid, turned, upright
from nnunet_multiphase.volumes.unchanged import digest_of_mask, refuse_changed
from nnunet_multiphase.volumes.volume_file import read_volume

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.named_registration import FindTransform
    from registration import RegistrationSettings

BEST_FIRST = ("pv", "art", "dl", "nc")
"""The reference where neither a mask nor the model says which: what shows the liver and most lesions best."""

NO_LESIONS = "take the file away: prediction needs no lesion mask"
NO_LIVER = "take the file away: prediction does without a liver mask"

READERS = 2
"""Files read at once: most of it is unpacking."""


class AbsentPhaseError(InputError):
    """Say that a patient lacks a phase of the model's; where it should have come from the caller may know better."""

    lacks = ""
    """The sentence without what to do."""


@dataclass(frozen=True)
class PreparedCase:
    """One patient's phases, registered and ready for a network."""

    case: CaseFolder
    channels: tuple[str, ...]
    filled: tuple[str, ...]  # channels the case lacks: air
    images: dict[str, sitk.Image]  # upright, not yet moved
    stored: dict[str, StoredGrid]  # by phase, as its file has it
    liver: sitk.Image | None
    aligned: AlignedPhases
    accepted: tuple[str, ...] = ()
    """What is implausible of it and was accepted."""
    doubts: tuple[str, ...] = ()
    """What else the check of its files warns of."""
    passed_over: tuple[str, ...] = ()
    """Phases that the model does not use and nobody could: damaged or implausible."""
    usual_reference: str | None = None
    """The phase that the model's training cases mostly lie on."""
    voxels: Mapping[str, str] = field(default_factory=dict)
    """Digests of its phases' voxels, also of those that the model does not use."""


def prepare_case(
    case_folder: Path | CaseFolder,
    channels: Sequence[str],
    *,
    reference: str | None = None,
    usual_reference: str | None = None,
    missing: str = "error",
    settings: RegistrationSettings | None = None,
    find: FindTransform | str | None = None,
    accept: Collection[str] = (),
) -> PreparedCase:
    """Check and register one patient's phases; arguments and errors as in `predict_case`.

    `usual_reference` is the phase that the model's training cases mostly lie on: taken where no mask decides.
    """
    case = _case_of(case_folder, reference)
    if reference is None and case.lesions is None and case.liver is None:
        shown = [phase for phase in BEST_FIRST if phase in case.images and phase in channels]
        case = replace(
            case, reference=next((p for p in shown if p == usual_reference), [*shown, case.reference][0])
        )
    filled = _absent_phases(case, channels, missing)
    images, report, passed_over = _checked_volumes(
        case, [phase for phase in channels if phase not in filled], accept
    )
    stored = {phase: stored_grid(image) for phase, image in images.items()}
    own_grid = turned(images[case.reference])
    images = {phase: upright(image) for phase, image in images.items()}
    liver = None
    if case.liver is not None:
        liver = read_mask(case.liver, images[case.reference], case.images[case.reference].name)
        refuse_changed(case.name, report.parts, {f"liver on {case.reference}": digest_of_mask(liver)})
    aligned = align_phases(
        images, case.reference, liver_mask=liver, settings=settings, find=find, case=case.name
    )
    # What is computed rests on rounded headers; what is told of places rests on the file's own.
    own = crop(own_grid, aligned.box)
    for image in aligned.images.values():
        image.SetOrigin(own.GetOrigin())
        image.SetDirection(own.GetDirection())
    return PreparedCase(
        case,
        tuple(channels),
        filled,
        images,
        stored,
        liver,
        aligned,
        tuple(without_paths(case, text) for text in report.implausible),
        tuple(without_paths(case, text) for text in report.warnings if text not in report.implausible),
        passed_over,
        usual_reference,
        report.voxels,
    )


def named_folder(case: CaseFolder) -> str | None:
    """Name the folder that a case is called after; None where its files lie loose, in a folder that may name somebody."""
    folder = Path(os.path.abspath(case.path)).name
    return folder if case_id(folder) == case.name else None


def without_paths(case: CaseFolder, text: str) -> str:
    """Leave out of a text where a case's files lie: it goes into the results, and a folder's name may be a person's.

    Of a file that was named by itself its name goes, too.
    """
    inside = named_folder(case) is not None
    for phase, path in case.images.items():
        called = path.name if inside and path.parent == case.path else f"the file of {phase}"
        for written in (str(path.absolute()), str(path)):
            text = text.replace(written, called)
    for folder in (case.path.absolute(), case.path) if inside else ():
        text = text.replace(f"{folder}{os.sep}", "")
    return text


def _checked_volumes(
    case: CaseFolder, phases: Sequence[str], accept: Collection[str]
) -> tuple[dict[str, sitk.Image], CaseReport, tuple[str, ...]]:
    """Read all of a case, once, and refuse what cannot be used; give the phases asked for, and what was found.

    A phase that is not asked for is looked at as well: only beside it two exchanged files may show. By itself it refuses
    no patient; such phases are passed over, and given last.
    """
    with ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="read") as pool:
        volumes = {path: pool.submit(read_volume, path) for path in case.images.values()}

        def read(path: Path) -> sitk.Image:
            return volumes[path].result()

        report = check_case(case, accept, read=read)
        passed_over = []
        for phase in [p for p in case.images if p not in phases] if report.problems else []:
            alone = replace(
                case,
                images={phase: case.images[phase]},
                reference=phase,
                lesions=None,
                liver=None,
                moving_lesions={},
            )
            if problems := check_case(alone, accept, read=read).problems:
                logging.getLogger(__name__).warning(
                    "warning: %s; passed over, for the model does not use %s", "; ".join(problems), phase
                )
                passed_over.append(phase)
        if passed_over:
            images = {phase: path for phase, path in case.images.items() if phase not in passed_over}
            report = check_case(replace(case, images=images), accept, read=read)
    if report.problems:
        raise InputError("; ".join(report.problems))
    return {phase: read(case.images[phase]) for phase in phases}, report, tuple(passed_over)


def _case_of(case_folder: Path | CaseFolder, reference: str | None) -> CaseFolder:
    """Read a folder's layout, or take one as it was put together, with the wanted reference."""
    if not isinstance(case_folder, CaseFolder):
        case = read_case_folder(Path(case_folder), reference=reference, require_lesions=False)
        # No option says here what a mask's labels are: --lesion-labels means the model's.
        return replace(
            case,
            lesions=None if case.lesions is None else replace(case.lesions, without=NO_LESIONS),
            liver=None if case.liver is None else replace(case.liver, without=NO_LIVER),
        )
    if reference is not None and reference not in case_folder.images:
        raise InputError(
            f"case {case_folder.name}: it lacks the wanted reference phase {reference}: found "
            f"{', '.join(case_folder.images)}; choose another"
        )
    return case_folder if reference is None else replace(case_folder, reference=reference)


def _absent_phases(case: CaseFolder, channels: Sequence[str], missing: str) -> tuple[str, ...]:
    """List the model's phases the case lacks, or refuse them."""
    absent = tuple(phase for phase in channels if phase not in case.images)
    if case.reference not in channels:
        raise InputError(
            f"case {case.name}: the reference phase {case.reference} is none of the model's ({', '.join(channels)}); "
            "choose one of them with --reference"
        )
    if absent and missing != "fill":
        where = "the case" if named_folder(case) is None else case.path
        lacks = (
            f"case {case.name}: the model expects {', '.join(channels)}, {where} lacks {', '.join(absent)}"
        )
        error = AbsentPhaseError(f"{lacks}; add the file or pass --missing fill")
        error.lacks = lacks
        raise error
    return absent
