"""Step 1: walk a tree and gather its DICOM files into series, by UID and never by folder."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydicom.uid import CTImageStorage, MediaStorageDirectoryStorage

from nnunet_multiphase.dicom.files import Kind, walk
from nnunet_multiphase.dicom.header import MODALITY_OF, TAGS, Slice, read_header, slice_of, text_of
from nnunet_multiphase.dicom.midnight import over_midnight
from nnunet_multiphase.dicom.multiframe import frames_of, is_multiframe
from nnunet_multiphase.dicom.person_name import names_nobody
from nnunet_multiphase.dicom.regroup import Found, regroup, stand_in, without_copies
from nnunet_multiphase.errors import InputError

MASK_MODALITIES: tuple[str, ...] = ("SEG", "RTSTRUCT")


_STUDY_TAGS = ("PatientID", "PatientName", "PatientBirthDate", "StudyDate", "AccessionNumber", "StudyID")

NOBODYS_STUDY = stand_in(*[""] * len(_STUDY_TAGS))
"""What stands for the study of images whose headers say neither whose they are nor when they were made."""


@dataclass(frozen=True)
class Series:
    """All files of one SeriesInstanceUID within one study."""

    uid: str
    study: str
    patient_id: str
    slices: tuple[Slice, ...]
    copies: int  # files left out because the same image was there already
    notes: tuple[str, ...] = ()  # why these images count as one series, where their UIDs do not say so
    damaged: int = 0  # files of it that are cut off before their pixels begin


@dataclass(frozen=True)
class MaskFile:
    """A DICOM SEG or RTSTRUCT, not opened any further."""

    path: Path
    study: str
    patient_id: str
    modality: str


@dataclass(frozen=True)
class Tree:
    """Everything found in a tree."""

    series: tuple[Series, ...]  # in the order of their UIDs
    masks: tuple[MaskFile, ...]
    # Files that are, or may be, images and were not read: how many, why, what to do.
    lost: tuple[str, ...] = ()


def scan_tree(root: Path | Sequence[Path]) -> Tree:
    """Read the headers of every DICOM file below a folder, or several that count as one.

    Args:
        root: Folder; its structure and the files' suffixes mean nothing.

    Returns:
        The series and masks; the order of files on the disk does not matter.

    Raises:
        InputError: No such folder, or not one DICOM file in it.
    """
    roots = [root] if isinstance(root, Path) else list(root)
    for folder in roots:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder: expected one with DICOM files in it, at any depth")
    images: list[Found] = []
    masks: list[MaskFile] = []
    files: Counter[Kind] = Counter()
    damaged: Counter[tuple[str, str, str]] = Counter()
    for path, kind in (found for folder in roots for found in walk(folder)):
        if kind is not Kind.DICOM:
            files[kind] += 1
            continue
        try:
            header = read_header(path, tags=TAGS)
            image = _found(path, header)
            frames = _frames(image.part) if is_multiframe(image.part) else []
        except Exception:  # whatever a broken file makes the parser trip over
            files[Kind.DAMAGED] += 1
            continue
        if image.part.modality in MASK_MODALITIES:
            masks.append(MaskFile(path, image.study, image.patient_id, image.part.modality))
        elif image.part.sop_class == MediaStorageDirectoryStorage:
            files[Kind.OTHER] += 1
        elif not image.part.rows and MODALITY_OF.get(image.part.sop_class or CTImageStorage) == "CT":
            files[Kind.DAMAGED] += 1
            damaged[image.patient_id, image.study, image.series] += 1
        elif not image.part.rows and image.part.modality == "CT":
            files[Kind.OTHER] += 1  # raw data and scanners' own notes
        elif image.series or image.part.rows:
            images += [replace(image, part=part) for part in frames or [image.part]]
        else:
            files[Kind.OTHER] += 1
    lost = tuple(
        f"{files[kind]} {kind.value}" for kind in Kind if files[kind] and kind not in (Kind.DICOM, Kind.OTHER)
    )
    if not images:
        found = "; ".join((f"{files[Kind.OTHER]} other files", *lost))
        raise InputError(
            f"{', '.join(map(str, roots))} holds no DICOM image: expected CT series, found {found}; "
            "give the folder that the DICOM export wrote"
        )
    series: dict[tuple[str, str, str], list[Found]] = defaultdict(list)
    for image in over_midnight(regroup(images)):
        series[image.patient_id, image.study, image.series].append(image)
    return Tree(
        tuple(_series(*key, series[key], damaged[key]) for key in sorted(series, key=lambda key: key[::-1])),
        tuple(sorted(masks, key=lambda mask: str(mask.path))),
        lost,
    )


def _frames(part: Slice) -> list[Slice]:
    if part.modality != "CT":
        return []
    return frames_of(part, read_header(part.path), lambda values: slice_of(part.path, values))


def _found(path: Path, header: Any) -> Found:
    part = slice_of(path, header)
    patient_id = text_of(header, "PatientID")
    study = text_of(header, "StudyInstanceUID")
    if not study:
        said = [text_of(header, name) for name in _STUDY_TAGS]
        study = NOBODYS_STUDY if all(map(names_nobody, said)) else stand_in(*said)
    return Found(patient_id, study, text_of(header, "SeriesInstanceUID"), part)


def _order(part: Slice) -> tuple[int, str, str]:
    """Sort slices so that nothing depends on the disk's order."""
    return part.instance, part.uid, str(part.path)


def _series(patient_id: str, study: str, uid: str, images: list[Found], damaged: int) -> Series:
    parts = sorted((image.part for image in images), key=_order)
    slices, shared = without_copies(parts)
    told = Counter(image.told for image in images if image.told)
    notes = [f"{count} images {why}" for why, count in sorted(told.items())]
    if shared:
        notes.append(f"{shared} images share a SOPInstanceUID and are no copies of each other")
    if guessed := sum(part.syntax_missing for part in slices):
        notes.append(
            f"{guessed} file(s) do not say how they are stored (TransferSyntaxUID): found out from their bytes"
        )
    return Series(
        uid=uid,
        study=study,
        patient_id=patient_id,
        slices=tuple(slices),
        copies=len(parts) - len(slices),
        notes=tuple(notes),
        damaged=damaged,
    )
