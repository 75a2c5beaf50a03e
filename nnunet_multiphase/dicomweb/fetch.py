"""Fetch the CT series of a study, one image after the other, into a folder that is a DICOM tree."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from pydicom import Dataset
from pydicom.uid import UID

from nnunet_multiphase.dicom.header import text_of
from nnunet_multiphase.dicomweb.service import Service, parsed, told
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.whole_file import private, whole_file

FETCHED = "fetched"
"""Folder in OUT for what was fetched. It holds files as the PACS has them, with the patient's name."""

_MOST = 100_000
"""Images of a series, series of a study: ten times what a scanner makes in a day."""


def fetch_study(
    service: Service, study: str, output: Path, *, say: Callable[[str], None] = lambda line: None
) -> Path:
    """Fetch the CT series of a study.

    Only one image is held in memory. What an earlier run fetched is not fetched again.

    Args:
        service: Where it lies.
        study: StudyInstanceUID.
        output: OUT; the files go to OUT/fetched/study_<hash>, which is there once it is whole.
        say: Takes a line of progress.

    Returns:
        The folder.

    Raises:
        InputError: The service does not answer, has no such study, or the study has no CT series.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom quotes odd values, names too
        return _fetch_study(service, study, output, say)


def _fetch_study(service: Service, study: str, output: Path, say: Callable[[str], None]) -> Path:
    absent = f"it has no study {study} (or the address is not the root of its DICOMweb service): check both"
    series: list[Dataset] = _all(
        service, "SeriesInstanceUID", lambda page: service.client.search_for_series(study, **page), absent
    )
    if not series:
        raise InputError(f"{service.url}: {absent}")
    wanted = [item for item in series if text_of(item, "Modality") == "CT"]
    if not wanted:
        kinds = ", ".join(sorted({text_of(item, "Modality") or "unnamed" for item in series}))
        raise InputError(f"{service.url}: the study {study} has no CT series: expected CT, found {kinds}")
    folder = output / FETCHED / f"study_{hashlib.sha256(study.encode()).hexdigest()[:12]}"
    partial = folder.with_name(f".{folder.name}.partial")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir() and not partial.exists():
        folder.rename(partial)
    partial.mkdir(mode=0o700, exist_ok=True)
    kept: set[str] = set()
    for number, item in enumerate(wanted, start=1):
        names = _fetch_series(service, study, text_of(item, "SeriesInstanceUID"), partial)
        say(f"fetched series {number} of {len(wanted)}: {len(names)} image(s)")
        kept |= names
    for path in partial.iterdir():  # what the study no longer has, and what a stopped run left
        if path.name not in kept:
            path.unlink()
    partial.rename(folder)
    return folder


def _fetch_series(service: Service, study: str, series: str, folder: Path) -> set[str]:
    """Fetch the images of a series that are not there yet; the names of all its files."""
    images = _all(
        service,
        "SOPInstanceUID",
        lambda page: service.client.search_for_instances(study, series, **page),
        "a series of the study is gone",
    )
    for image in images:
        uid = text_of(image, "SOPInstanceUID")
        place = folder / f"{uid}.dcm"
        if place.exists():
            continue
        with told(service, "fetching an image", absent="an image of the study is gone"):
            item = _retrieved(service, study, series, uid)
        with whole_file(place) as beside, private(beside, "wb") as stream:
            item.save_as(stream, enforce_file_format=True)
    return {f"{text_of(image, 'SOPInstanceUID')}.dcm" for image in images}


def _retrieved(service: Service, study: str, series: str, uid: str) -> Dataset:
    try:
        item: Dataset = service.client.retrieve_instance(study, series, uid)
    except (requests.exceptions.RequestException, InputError):
        raise
    except Exception as error:  # whatever the parts and pydicom trip over in other bytes
        raise InputError(
            f"{service.url}: an image of the study came as no DICOM; try again, or fetch the study another way"
        ) from error
    if text_of(item, "SOPInstanceUID") != uid or text_of(item, "StudyInstanceUID") != study:
        raise InputError(f"{service.url}: another image came than was asked for; the study was not fetched")
    if _is_cut_off(item):
        raise InputError(
            f"{service.url}: an image of the study came cut off; try again, or fetch the study another way"
        )
    return item


def _is_cut_off(item: Dataset) -> bool:
    """Tell whether plain pixels are fewer than the header says (PS3.5 8.1.1); packed ones tell it when they are read."""
    if "PixelData" not in item or item.file_meta.TransferSyntaxUID.is_compressed:
        return False
    size = item.get("Rows", 0) * item.get("Columns", 0) * item.get("SamplesPerPixel", 1)
    frames = int(item.get("NumberOfFrames") or 1)
    return bool(len(item.PixelData) * 8 < size * frames * item.get("BitsAllocated", 0))


def _all(
    service: Service, key: str, search: Callable[[dict[str, int]], list[dict[str, Any]]], absent: str
) -> list[Dataset]:
    """Search page by page, until a page brings nothing new: some services ignore where a page begins."""
    found: dict[str, Dataset] = {}
    while True:
        before = len(found)
        with told(service, "asking for the study", absent=absent):
            for answer in search({"offset": before}):
                item = parsed(service, answer)
                uid = text_of(item, key)
                if not UID(uid).is_valid:  # it becomes a file's name
                    raise InputError(
                        f"{service.url}: an answer has no valid {key}; fetch the study another way"
                    )
                found[uid] = item
        if len(found) == before:
            return list(found.values())
        if len(found) > _MOST:
            raise InputError(
                f"{service.url} lists more than {_MOST} series or images, and no end; ask those who run it"
            )
