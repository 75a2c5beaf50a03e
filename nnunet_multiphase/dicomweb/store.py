"""Store results in the PACS that their source came from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pydicom

from nnunet_multiphase.dicom.header import text_of
from nnunet_multiphase.dicomweb.service import Service, parsed, told
from nnunet_multiphase.errors import InputError

_CONFLICT = 409
"""HTTP status where nothing was stored, because it is there already or for another reason (PS3.18 10.5.3.1)."""


def store_files(service: Service, files: Sequence[Path]) -> None:
    """Send DICOM files, one after the other: a report comes after the segmentation that it refers to.

    Args:
        service: Where to.
        files: They stay where they are.

    Raises:
        InputError: The service does not answer or takes one of them not.
    """
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom quotes odd values, names too
            _store(service, path)


def _store(service: Service, path: Path) -> None:
    item = pydicom.dcmread(path)
    with told(service, f"storing {path.name}"):
        answer = _answer(service, item)
    confirmed = {
        text_of(one, "ReferencedSOPInstanceUID") for one in answer.get("ReferencedSOPSequence") or []
    }
    failed = [text_of(one, "FailureReason") for one in answer.get("FailedSOPSequence") or []]
    if not failed and str(item.SOPInstanceUID) in confirmed:
        return
    # The answer may be one that dicomweb-client does not read, or say that it is there already: a result's UID is a hash
    # of what it holds, so that what is there is this.
    if not _is_there(service, item):
        why = f"failure reason {failed[0] or 'unknown'}, PS3.18 table I.2-2" if failed else "it is not there"
        raise InputError(f"{service.url} did not store {path.name}: {why}; the file stays at {path}")


def _answer(service: Service, item: pydicom.Dataset) -> pydicom.Dataset:
    import requests

    try:
        answer: pydicom.Dataset = service.client.store_instances([item])
    except requests.exceptions.HTTPError as error:
        if error.response is None or error.response.status_code != _CONFLICT:
            raise
        return pydicom.Dataset()
    return answer


def _is_there(service: Service, item: pydicom.Dataset) -> bool:
    with told(service, "asking whether it is stored", absent="it was not stored"):
        found = service.client.search_for_instances(
            str(item.StudyInstanceUID),
            str(item.SeriesInstanceUID),
            search_filters={"SOPInstanceUID": str(item.SOPInstanceUID)},
        )
    uids = [text_of(parsed(service, one), "SOPInstanceUID") for one in found]
    return str(item.SOPInstanceUID) in uids
