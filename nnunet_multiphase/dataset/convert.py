"""Turn one case into the files of an nnU-Net dataset: images, label, transforms, picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.quality import PhaseQuality, centre_of, measure_phase
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.dataset.target_classes import LESIONS, TargetClasses
from nnunet_multiphase.errors import InputError, is_ctrl_c, told_unexpected
from nnunet_multiphase.phases import FILL_HU
from nnunet_multiphase.volumes.mask_file import read_mask
from nnunet_multiphase.volumes.unchanged import digest_of_mask, digest_of_volume, refuse_changed
from nnunet_multiphase.volumes.volume_file import read_upright
from registration.volume_file import write_transform, write_volume

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.align import AlignedPhases
    from nnunet_multiphase.alignment.named_registration import FindTransform
    from registration import RegistrationSettings


RUN = "run"
"""File in the dataset folder being written that names the run whose workers may write there."""


@dataclass(frozen=True)
class CaseJob:
    """What a worker needs to convert one case."""

    case: CaseFolder
    split: str  # train or test
    channels: tuple[str, ...]
    folder: Path  # the dataset folder being written
    settings: RegistrationSettings
    on_failure: str = "check"  # see phases.ON_FAILURE
    registered: bool = False  # the phases are aligned already
    mark: str = ""  # digest of inputs and settings, see dataset/finished.py
    run: str = ""  # the run that wants it, see dataset/finished.py
    code: str = ""  # code_digest() of the process that wants it; empty: whatever it is
    seen: Mapping[str, str] = field(
        default_factory=dict
    )  # digests of what was checked, see volumes/unchanged.py
    targets: TargetClasses = LESIONS
    find: FindTransform | str | None = None  # of another registration than ours


@dataclass(frozen=True)
class CaseOutcome:
    """What became of one case; `failure` is a sentence, or empty."""

    case: CaseFolder
    split: str
    rows: tuple[PhaseQuality, ...]
    filled: tuple[str, ...]  # channels of air: missing phases, and those left out for a failed registration
    failure: str = ""


def image_folder(split: str) -> str:
    """Name nnU-Net's image folder of a split."""
    return "imagesTs" if split == "test" else "imagesTr"


def label_folder(split: str) -> str:
    """Name nnU-Net's label folder of a split."""
    return "labelsTs" if split == "test" else "labelsTr"


def limit_threads(threads: int) -> None:
    """Keep a worker to its share of the cores; called before numba is imported in it."""
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def convert_case(job: CaseJob) -> CaseOutcome:
    """Register, resample, crop and write one case; what goes wrong with it is returned, not raised.

    Args:
        job: The case and where its files go.

    Returns:
        The outcome; after a failure nothing of the case is left in the folder.

    Raises:
        OSError: The disk is full or the folder cannot be written; no other case would fare better.
    """
    case = job.case
    missing = tuple(phase for phase in job.channels if phase not in case.images)
    try:
        rows, without_data = _convert(job, missing)
    except OSError:
        raise
    except Exception as error:
        if is_ctrl_c(error):
            raise KeyboardInterrupt from error
        # Whatever a single case brings up must not cost the other cases their hours.
        _remove_case(job)
        text = told_unexpected(error)
        failure = text if text.startswith("case ") else f"case {case.name}: {text}"
        failed = PhaseQuality(
            case.name, case.patient, "failed", case.reference, "", "", warnings=" ".join(failure.split())
        )
        rows = tuple(
            replace(failed, phase=phase, status="missing" if phase in missing else "present")
            for phase in job.channels
        )
        return CaseOutcome(case, "failed", rows, missing, failure)
    filled = tuple(r.phase for r in rows if r.status in ("filled", "dropped") or r.phase in without_data)
    return CaseOutcome(case, job.split, rows, filled)


@dataclass(frozen=True)
class _Volumes:
    """A case's files as they were checked, opened."""

    images: dict[str, sitk.Image]  # by phase
    lesions: sitk.Image | None  # on the reference
    elsewhere: dict[str, sitk.Image]  # lesions drawn on other phases
    liver: sitk.Image | None  # on the reference


def _convert(job: CaseJob, missing: Sequence[str]) -> tuple[tuple[PhaseQuality, ...], set[str]]:
    """Write a case; give its lines, and the phases that came to lie beyond the crop: their channels are air alone."""
    # Imported here: numba takes a second, and only a case that is converted needs it.
    from nnunet_multiphase.alignment.align import align_phases, crop

    case = job.case
    volumes = _open(job)
    grid = volumes.images[case.reference]
    aligned = align_phases(
        volumes.images,
        case.reference,
        liver_mask=volumes.liver,
        keep_mask=volumes.lesions,
        moving_masks=volumes.elsewhere,
        settings=job.settings,
        on_failure=job.on_failure,
        registered=job.registered,
        case=case.name,
        find=job.find,
    )
    _refuse_astray(case, volumes, aligned)
    lesions = _united(
        [*([] if volumes.lesions is None else [volumes.lesions]), *aligned.moved_masks.values()]
    )
    reference_image = aligned.images[case.reference]
    lesions_there = crop(lesions, aligned.box)
    lesions_there.CopyInformation(reference_image)
    liver_there = None if volumes.liver is None else sitk.GetArrayFromImage(crop(volumes.liver, aligned.box))
    label = sitk.GetImageFromArray(job.targets.label(sitk.GetArrayFromImage(lesions_there), liver_there))
    label.CopyInformation(reference_image)
    _check_wanted(job)
    centre_mm = centre_of(volumes.liver, grid)
    shown_mm = centre_of(lesions_there, reference_image) if volumes.liver is None else centre_mm
    _write(job, aligned, volumes, label, lesions_there, shown_mm, [*missing, *aligned.dropped])

    rows = []
    for phase in job.channels:
        if phase in missing:
            row = PhaseQuality(case.name, case.patient, job.split, case.reference, phase, "filled")
            rows.append(replace(row, warnings=f"no {phase}: channel filled with {FILL_HU} HU"))
        else:
            row = measure_phase(
                aligned, phase, case=case.name, patient=case.patient, split=job.split, centre_mm=centre_mm
            )
            if phase == case.reference:
                row = replace(
                    row, warnings="; ".join(filter(None, [row.warnings, *_case_warnings(case, lesions)]))
                )
            rows.append(row)
    return tuple(rows), {phase for phase, share in aligned.not_trusted.items() if not share}


def _open(job: CaseJob) -> _Volumes:
    """Read a case, and refuse it where it is not what was checked."""
    case = job.case
    images = {phase: read_upright(case.images[phase]) for phase in job.channels if phase in case.images}
    grid, name = images[case.reference], case.images[case.reference].name
    volumes = _Volumes(
        images,
        read_mask(case.lesions, grid, name) if case.lesions is not None else None,
        {
            phase: read_mask(files, images[phase], case.images[phase].name)
            for phase, files in case.moving_lesions.items()
        },
        read_mask(case.liver, grid, name) if case.liver is not None else None,
    )
    masks = {f"lesions on {phase}": mask for phase, mask in volumes.elsewhere.items()}
    masks |= {} if volumes.lesions is None else {f"lesions on {case.reference}": volumes.lesions}
    masks |= {} if volumes.liver is None else {f"liver on {case.reference}": volumes.liver}
    now = {phase: digest_of_volume(image) for phase, image in images.items()}
    refuse_changed(case.name, job.seen, now | {part: digest_of_mask(mask) for part, mask in masks.items()})
    return volumes


def _refuse_astray(case: CaseFolder, volumes: _Volumes, aligned: AlignedPhases) -> None:
    """Refuse lesions that came along with a phase whose registration failed."""
    astray = [
        phase
        for phase in volumes.elsewhere
        if phase not in aligned.by_header and aligned.results[phase].verdict == "failed"
    ]
    if astray:
        raise InputError(
            f"case {case.name}: lesions are drawn on {', '.join(astray)}, whose registration to {case.reference} failed, "
            "so that they would lie at a wrong place; choose another reference or look at the phases"
        )


def _united(masks: Sequence[sitk.Image]) -> sitk.Image:
    union = masks[0]
    for mask in masks[1:]:
        union = sitk.Or(union, mask)
    return union


def _write(
    job: CaseJob,
    aligned: AlignedPhases,
    volumes: _Volumes,
    label: sitk.Image,
    lesions: sitk.Image,
    shown_mm: np.ndarray,
    filled: Sequence[str],
) -> None:
    """Write channels, label, transforms and the picture through `shown_mm`; `lesions` lie on the label's grid."""
    from nnunet_multiphase.alignment.overview import draw_overview

    case = job.case
    reference_image = aligned.images[case.reference]
    for channel, phase in enumerate(job.channels):
        image = aligned.images.get(phase)
        if image is None:
            image = sitk.Image(reference_image.GetSize(), sitk.sitkInt16) + FILL_HU
            image.CopyInformation(reference_image)
        write_volume(image, job.folder / image_folder(job.split) / f"{case.name}_{channel:04d}.nii.gz")
    write_volume(label, job.folder / label_folder(job.split) / f"{case.name}.nii.gz")
    for phase in set(aligned.results) - set(aligned.dropped):
        write_transform(aligned.transforms[phase], job.folder / "registration" / f"{case.name}_{phase}.tfm")
    draw_overview(
        aligned,
        volumes.images,
        job.folder / "registration" / "overview" / f"{case.name}.png",
        centre_mm=shown_mm,
        lesions=lesions,
        title=f"{case.name}: phases over the reference ({case.reference}, magenta; moving green); lesions yellow"
        + (f"; no {', '.join(filled)}" if filled else ""),
    )


def _check_wanted(job: CaseJob) -> None:
    """Make sure that the run this job came from still runs, before anything is written."""
    if not job.run:
        return
    path = job.folder / RUN
    if not path.is_file() or path.read_text(encoding="utf-8") != job.run:
        raise OSError(f"the run that asked for case {job.case.name} has ended")


def _case_warnings(case: CaseFolder, lesions: sitk.Image) -> list[str]:
    """Say what the user should know about a case's masks."""
    warnings = []
    if case.unused_liver is not None:
        warnings.append(
            f"{case.unused_liver.name} is not used, the reference is {case.reference}: "
            "fitted without a mask, on what the column region says; "
            f"draw liver_{case.reference}.nii.gz for a fit on the liver"
        )
    if not np.any(sitk.GetArrayViewFromImage(lesions)):
        warnings.append("no lesion in the mask")
    return warnings


def case_files(job: CaseJob, outcome: CaseOutcome | None = None) -> list[Path]:
    """List the files of a converted case; without an outcome all that there may be."""
    name = job.case.name
    files = [
        job.folder / image_folder(job.split) / f"{name}_{channel:04d}.nii.gz"
        for channel in range(len(job.channels))
    ]
    placed = (
        [row.phase for row in outcome.rows if row.status == "present" and row.phase != job.case.reference]
        if outcome is not None
        else job.channels
    )
    files += [job.folder / "registration" / f"{name}_{phase}.tfm" for phase in placed]
    files.append(job.folder / label_folder(job.split) / f"{name}.nii.gz")
    files.append(job.folder / "registration" / "overview" / f"{name}.png")
    return files


def _remove_case(job: CaseJob) -> None:
    """Take away what a failed case may have written."""
    for path in case_files(job):
        path.unlink(missing_ok=True)
