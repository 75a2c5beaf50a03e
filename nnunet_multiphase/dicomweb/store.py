"""Store results in the PACS that their source came from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pydicom

from nnunet_multiphase.dicom.header import text_of
from nnunet_multiphase.dicomweb.service import Service, told
from nnunet_multiphase.errors import InputError

_DUPLICATE = str(0x0111)
"""FailureReason "duplicate SOP instance": PS3.18 table I.2-2, PS3.7 annex C."""


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
        answer = service.client.store_instances([item])
    stored = {text_of(one, "ReferencedSOPInstanceUID") for one in answer.get("ReferencedSOPSequence") or []}
    failed = [
        text_of(one, "FailureReason") or "no reason given" for one in answer.get("FailedSOPSequence") or []
    ]
    if failed == [_DUPLICATE]:  # a result's UID is a hash of what it holds: it is this one
        return
    if failed or str(item.SOPInstanceUID) not in stored:
        why = f"failure reason {failed[0]}, PS3.18 table I.2-2" if failed else "it does not confirm it"
        raise InputError(f"{service.url} did not store {path.name}: {why}; the file stays at {path}")
