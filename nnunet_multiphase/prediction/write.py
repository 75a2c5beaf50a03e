"""Write what was found for one patient, all of it or nothing."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import AlignedPhases, Box
from nnunet_multiphase.alignment.overview import draw_overview
from nnunet_multiphase.alignment.quality import PhaseQuality, centre_of, measure_phase, write_quality
from nnunet_multiphase.dicom_out.paths import remove_dicom
from nnunet_multiphase.evaluation.lesions import lesion_image
from nnunet_multiphase.measurement.measure import measure_patient
from nnunet_multiphase.measurement.record import PatientMeasures
from nnunet_multiphase.measurement.table import write_measures_csv, write_measures_json
from nnunet_multiphase.models.identity import Identity
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.prediction.bounds import bounds_of
from nnunet_multiphase.prediction.coverage import coverage_shares
from nnunet_multiphase.prediction.liver import liver_of
from nnunet_multiphase.prediction.not_predicted import forget_failure
from nnunet_multiphase.prediction.other_grids import labels_on_phases
from nnunet_multiphase.prediction.prepare import PreparedCase
from nnunet_multiphase.prediction.remarks import remarks_on
from nnunet_multiphase.prediction.segmented import SegmentedCase
from nnunet_multiphase.prediction.window import Window
from nnunet_multiphase.volumes.orientation import as_stored
from registration.volume_file import write_transform, write_volume


@dataclass(frozen=True)
class CasePrediction:
    """What was written for one patient."""

    case: str
    segmentation: Path
    lesion_csv: Path
    measures: PatientMeasures
    window: Window | None
    """Where the model looked; None: everywhere."""
    aligned: AlignedPhases
    filled: tuple[str, ...]
    warnings: tuple[str, ...]
    """What the registration's figures give reason to look at, phase by phase."""
    accepted: tuple[str, ...] = ()
    """What is implausible of the input and was accepted."""
    remarks: tuple[str, ...] = ()
    """What else has to be known before the numbers are believed."""
    model: Identity | None = None
    """Which model answered; None: it does not tell."""


def write_prediction(
    prepared: PreparedCase,
    found: SegmentedCase,
    output: Path,
    *,
    lesion_labels: Sequence[int] = (1,),
    liver_labels: Sequence[int] = (),
    all_grids: bool = False,
    model: Identity | None = None,
) -> CasePrediction:
    """Write everything of a case beside its final place, then move it there: all labels, and a table of lesions.

    `model` is the one that answered, to be recorded.
    """
    case, aligned, output = prepared.case, prepared.aligned, Path(output)
    only_lesions = lesion_image(found.labels, lesion_labels)
    measures = _measures(prepared, found, only_lesions, liver_labels)
    remarks = remarks_on(prepared, measures)
    full_grid = prepared.images[aligned.reference]
    whole = _on_whole_grid(found.labels, full_grid, aligned.box)
    others = labels_on_phases(prepared, whole) if all_grids else {}
    centre_mm = centre_of(prepared.liver, full_grid)
    rows = [
        measure_phase(aligned, phase, case=case.name, patient=case.patient, split="new", centre_mm=centre_mm)
        for phase in aligned.images
    ]
    partial = output / f".{case.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        write_volume(as_stored(whole, prepared.stored[aligned.reference]), partial / f"{case.name}.nii.gz")
        for phase, labels in others.items():
            target = partial / "grids" / phase / f"{case.name}.nii.gz"
            target.parent.mkdir(parents=True)
            write_volume(labels, target)
        known = _known_of(prepared, found, rows, remarks)
        known = {
            "model": None if model is None else model.record(),
            "lesion_labels": sorted(lesion_labels),
            **known,
        }
        phases = [phase for phase in PHASES if phase in aligned.images]
        write_measures_csv(measures, partial / f"{case.name}_lesions.csv", phases)
        write_measures_json(measures, partial / f"{case.name}_lesions.json", known)
        _write_registration(prepared, rows, partial / "registration", only_lesions, centre_mm)
        place_files(partial, output, case.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return CasePrediction(
        case.name,
        output / f"{case.name}.nii.gz",
        output / f"{case.name}_lesions.csv",
        measures,
        found.window,
        aligned,
        prepared.filled,
        _warnings(rows),
        prepared.accepted,
        remarks,
        model,
    )


def _on_whole_grid(labels: sitk.Image, full_grid: sitk.Image, box: Box) -> sitk.Image:
    whole = sitk.Image(full_grid.GetSize(), sitk.sitkUInt8)
    whole.CopyInformation(full_grid)
    index, size = box
    return sitk.Paste(whole, labels, list(size), [0, 0, 0], list(index))


def _write_registration(
    prepared: PreparedCase,
    rows: Sequence[PhaseQuality],
    folder: Path,
    lesions: sitk.Image,
    centre_mm: np.ndarray,
) -> None:
    """Write the transforms, the figures of their quality and the picture."""
    case, aligned = prepared.case.name, prepared.aligned
    folder.mkdir()
    for phase in aligned.results:
        write_transform(aligned.transforms[phase], folder / f"{case}_{phase}.tfm")
    write_quality(_with_accepted(rows, prepared), folder / f"{case}_quality.csv")
    if find_spec("matplotlib") is None:  # left out where an exported model runs with as little as possible
        logging.getLogger(__name__).warning(
            "warning: case %s: no picture of the registration is drawn, for matplotlib is not installed", case
        )
        return
    draw_overview(
        aligned,
        prepared.images,
        folder / f"{case}.png",
        centre_mm=centre_mm,
        lesions=lesions,
        title=f"{case}: phases over the reference ({aligned.reference}, magenta; moving green); prediction yellow",
    )


def place_files(partial: Path, output: Path, case: str) -> None:
    """Move a case's files to their places; of an earlier run none stays.

    The labels go first of the old ones and come last of the new: where they lie, all files are of one run, wherever this
    was broken off.

    Args:
        partial: Holds the files, on the same file system.
        output: Receives them.
        case: Whose.
    """
    labels = output / f"{case}.nii.gz"
    labels.unlink(missing_ok=True)
    remove_dicom(output, case)
    (output / f"{case}.html").unlink(missing_ok=True)
    sources = {output / path.relative_to(partial): path for path in partial.rglob("*") if path.is_file()}
    try:
        for path in _all_files(output, case) - set(sources):
            path.unlink(missing_ok=True)  # of phases or pictures that this run lacks
        for final in sorted(sources, key=lambda path: (path == labels, path)):
            final.parent.mkdir(parents=True, exist_ok=True)
            sources[final].replace(final)
        forget_failure(output, case)
    except BaseException:
        for path in (labels, *sources):  # half a patient's files would be taken for all of them
            path.unlink(missing_ok=True)
        raise


def _all_files(output: Path, case: str) -> set[Path]:
    """Name the files of a case that not every run writes."""
    registration, grids = output / "registration", output / "grids"
    transforms = {registration / f"{case}_{phase}.tfm" for phase in PHASES}
    return {registration / f"{case}.png", *transforms, *(grids / p / f"{case}.nii.gz" for p in PHASES)}


def _measures(
    prepared: PreparedCase, found: SegmentedCase, lesions: sitk.Image, liver_labels: Sequence[int]
) -> PatientMeasures:
    """Measure the lesions on every phase whose place is known."""
    aligned = prepared.aligned
    failed = {phase for phase, result in aligned.results.items() if result.verdict == "failed"}
    return measure_patient(
        prepared.case.name,
        aligned.reference,
        lesions,
        {phase: image for phase, image in aligned.images.items() if phase not in failed},
        probability=found.lesion_probability,
        liver=liver_of(prepared, found.labels, lesions, liver_labels),
        bounds=bounds_of(prepared, found.window),
    )


def _known_of(
    prepared: PreparedCase, found: SegmentedCase, rows: Sequence[PhaseQuality], remarks: Sequence[str]
) -> dict[str, object]:
    """Gather what a reader of the measures must know of the case."""
    outside, partly = coverage_shares(prepared.aligned)
    return {
        "phases": [phase for phase in PHASES if phase in prepared.aligned.images],
        "phases_lacking": list(prepared.filled),
        "verdicts": {phase: result.verdict for phase, result in prepared.aligned.results.items()},
        "not_looked_at_percent": 100 * outside,
        "without_some_phase_percent": 100 * partly,
        "looked_only_about_the_liver": found.window is not None,
        "warnings": list(_warnings(rows)),
        "accepted": list(prepared.accepted),
        "remarks": list(remarks),
    }


def _warnings(rows: Sequence[PhaseQuality]) -> tuple[str, ...]:
    return tuple(f"{row.phase}: {row.warnings}" for row in rows if row.warnings)


def _with_accepted(rows: Sequence[PhaseQuality], prepared: PreparedCase) -> list[PhaseQuality]:
    """Add what was accepted of a case to the line of its reference phase."""
    said = [text.removeprefix(f"case {prepared.case.name}") for text in prepared.accepted]
    accepted = "; ".join(f"accepted: {text.lstrip(',: ')}" for text in said)
    return [
        replace(row, warnings="; ".join(filter(None, [row.warnings, accepted])))
        if row.phase == prepared.case.reference
        else row
        for row in rows
    ]
