"""Resolve what the user gave (case folders, DICOM trees, loose files) into patients and the DICOM they came from."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_name import case_id
from nnunet_multiphase.cases.mask_choice import by_preference
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.patients.given_folder import (
    files_beside,
    is_archive,
    is_dicom_tree,
    patients_in,
    refuse_volumes_among_dicom,
)
from nnunet_multiphase.phases import PHASES

if TYPE_CHECKING:
    from nnunet_multiphase.dicom.volumes import Volume
    from nnunet_multiphase.dicomweb.service import Service

IMPORTED = "imported"
"""Folder in OUT for what DICOM was turned into."""


@dataclass(frozen=True)
class Patient:
    """Hold where one patient's phases lie.

    Attributes:
        name: What the results are called.
        case: A folder as `predict_case` takes it.
        dicom: phase -> the volume it was made from; empty where it was no DICOM. Identifies, and so is never written.
    """

    name: str
    case: Path | CaseFolder
    dicom: Mapping[str, Volume] = field(default_factory=dict, repr=False)

    @property
    def loose(self) -> tuple[Path, ...]:
        """Give the files that were named one by one, or the folders of a DICOM series each."""
        return tuple(self.case.images.values()) if isinstance(self.case, CaseFolder) else ()

    def without_paths(self, text: str) -> str:
        """Leave out of a text where the files lie: a folder above, or of loose files each, may be called by a name."""
        if isinstance(self.case, CaseFolder):
            from nnunet_multiphase.prediction.prepare import without_paths

            return without_paths(self.case, text)
        for folder in (self.case.absolute(), self.case):
            text = text.replace(f"{folder}{os.sep}", "")
        return text


@dataclass(frozen=True)
class Given:
    """Hold what the user gave, sorted; of DICOM only that it is there has been looked at.

    Attributes:
        patients: Those of case folders and loose files.
        trees: DICOM trees, to be imported.
        studies: UIDs of studies to be fetched first.
        remarks: What lies there and is not used, a sentence each.
    """

    patients: tuple[Patient, ...]
    trees: tuple[Path, ...]
    studies: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gathered:
    """Hold all patients to be predicted, and what of the input could not be made one."""

    patients: tuple[Patient, ...]
    failures: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def sort_inputs(
    paths: Sequence[Path],
    *,
    phases: Sequence[str] = (),
    case: str | None = None,
    studies: Sequence[str] = (),
    require_dicom: bool = False,
    output: Path | None = None,
) -> Given:
    """Tell case folders from DICOM trees, and refuse what is neither or would collide.

    Args:
        paths: Folders; one that holds case folders stands for all folders in it.
        phases: "art=FILE" for each phase of a patient whose files lie loose; a folder of one DICOM series counts as one.
        case: Name of that patient.
        studies: StudyInstanceUIDs to be fetched from a DICOMweb service.
        require_dicom: Refuse what is no DICOM.
        output: OUT: where it lies in one of the folders, it is passed over.

    Raises:
        InputError: A path is no folder or can be read in two ways, two inputs have one name, the loose files make no case,
            or nothing is given.
    """
    patients: list[Patient] = []
    trees: list[Path] = []
    remarks: list[str] = []
    for path in paths:
        if is_archive(path):
            raise InputError(f"{path} is an archive, which is not opened: unpack it, and give the folder")
        if not path.is_dir():
            raise InputError(
                f"{path} is not a folder: expected one with nc/art/pv/dl.nii.gz of one patient, or with DICOM files; give "
                "loose files with --phase art=FILE --case NAME"
            )
        if is_dicom_tree(path, output):
            refuse_volumes_among_dicom(path, output)
            if any(path.samefile(tree) for tree in trees):
                raise InputError(f"{path} is given twice: leave it out once")
            trees.append(path)
        else:
            found = patients_in(path, output)
            patients += [Patient(case_id(p.absolute().name), p) for p in found]
            if found != [path] and (beside := files_beside(path)):
                remarks.append(beside)
    if phases or case is not None:
        patients.append(_loose_patient(phases, case))
    if not patients and not trees and not studies:
        raise InputError(
            "nothing to predict: give a case folder, a DICOM tree, --phase art=FILE --case NAME, or "
            "--dicomweb URL --study UID"
        )
    for study in studies:
        _check_study(study, studies)
    known: dict[str, Patient] = {}
    for patient in patients:
        _refuse_collision(known, patient)
    for patient in patients:
        if require_dicom and not patient.dicom:
            raise InputError(
                f"--dicom: {_place(patient)} is no DICOM, so there is no series that a DICOM result could refer to; give "
                "the DICOM files, or leave --dicom out"
            )
    if trees:
        from nnunet_multiphase.dicom.extra import require_dicom_libraries

        require_dicom_libraries()
    return Given(tuple(patients), tuple(trees), tuple(studies), tuple(remarks))


def gather_patients(
    given: Given,
    output: Path,
    *,
    service: Service | None = None,
    series_table: Path | None = None,
    resample_irregular: bool = False,
    join_studies: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Gathered:
    """Fetch studies to OUT/fetched, import them and the DICOM trees, all as one, to OUT/imported, and list every patient.

    Args:
        given: From `sort_inputs`.
        output: OUT.
        service: Where the studies lie.
        series_table: The user's corrections to what the import chose, as `import-dicom` takes them.
        resample_irregular: As `import-dicom` has it; DICOM results of such a reference are refused.
        join_studies: As `import-dicom` has it.
        say: Takes a line of progress.

    Raises:
        InputError: The table does not fit, or an imported patient has the name of another one.
    """
    trees, failures = list(given.trees), []
    for study in given.studies:
        from nnunet_multiphase.dicomweb.fetch import fetch_study

        assert service is not None
        try:
            trees.append(fetch_study(service, study, output, say=say))
        except InputError as error:
            failures.append(str(error))
    if not trees:
        return Gathered(given.patients, tuple(failures), given.remarks)
    from nnunet_multiphase.dicom_import.import_tree import import_tree

    place = output / IMPORTED
    try:
        summary = import_tree(
            trees,
            place,
            series_table=series_table,
            resample_irregular=resample_irregular,
            join_studies=join_studies,
            with_masks=False,
            compress=False,
            say=say,
        )
    except InputError as error:
        if series_table is not None or not given.patients:
            raise
        return Gathered(given.patients, (*failures, str(error)), given.remarks)
    say(f"what was taken for which phase: {summary.table}, with pictures {summary.page}")
    say(f"{summary.pseudonyms} says whose they are: keep it to yourself")
    known = {patient.name.casefold(): patient for patient in given.patients}
    imported = [Patient(name, place / name, summary.volumes[name]) for name in summary.written]
    for patient in imported:
        _refuse_collision(known, patient)
    return Gathered(
        (*given.patients, *imported), (*failures, *summary.failures), (*given.remarks, *summary.remarks)
    )


def _check_study(study: str, studies: Sequence[str]) -> None:
    if studies.count(study) > 1:
        raise InputError(f"--study {study} is given twice: leave it out once")
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", study) or len(study) > 64:
        raise InputError(
            f"--study {study}: expected a StudyInstanceUID (numbers and dots, at most 64 characters)"
        )


def _loose_patient(phases: Sequence[str], case: str | None) -> Patient:
    if not phases:
        raise InputError(f"--case {case} names the patient of --phase art=FILE, and no --phase is given")
    if not case:
        raise InputError("--phase needs --case NAME: what the results are to be called")
    images: dict[str, Path] = {}
    for text in phases:
        phase, sign, file = text.partition("=")
        if not sign or phase not in PHASES or not file:
            raise InputError(
                f"--phase {text}: expected one of {', '.join(PHASES)}, = and a file, such as art=FILE"
            )
        if phase in images:
            raise InputError(f"--phase {phase} is given twice: {images[phase]} and {file}; leave one out")
        if not Path(file).exists():
            raise InputError(f"--phase {text}: there is no {file}")
        images[phase] = Path(file)
    images = {phase: images[phase] for phase in PHASES if phase in images}
    name = case_id(case)
    folder = CaseFolder(
        name=name,
        path=next(iter(images.values())).parent,
        patient=name,
        images=images,
        reference=by_preference(images)[0],
        lesions=None,
        liver=None,
    )
    return Patient(name, folder, _dicom_of(images))


def _dicom_of(images: Mapping[str, Path]) -> Mapping[str, Volume]:
    """Look into the folders among the files of phases, which hold a DICOM series each."""
    folders = {phase: path for phase, path in images.items() if path.is_dir()}
    if not folders:
        return {}
    from nnunet_multiphase.dicom.extra import require_dicom_libraries

    require_dicom_libraries()
    from nnunet_multiphase.dicom.series_folder import volume_of_folder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom quotes odd values, names too
        return {phase: volume_of_folder(path) for phase, path in folders.items()}


def _refuse_collision(known: dict[str, Patient], patient: Patient) -> None:
    """Refuse a second patient of one name; without case, as some file systems have it."""
    other = known.setdefault(patient.name.casefold(), patient)
    if other is not patient:
        raise InputError(
            f"{_place(other)} and {_place(patient)} would both be written as {patient.name}: "
            "rename one, or predict them into two folders"
        )


def _place(patient: Patient) -> str:
    return f"--case {patient.name}" if isinstance(patient.case, CaseFolder) else str(patient.case)
