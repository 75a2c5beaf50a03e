"""Step 5a: decode the stored values of one frame of a DICOM file, whatever their compression, sign and byte order."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from nnunet_multiphase.dicom.header import check_unpacked_size

PIXEL_DATA = 0x7FE00010


def read_file(path: Path) -> Any:
    """Read a DICOM file with its pixels; where it does not say how they are stored, that is found out.

    Raises:
        ValueError: What follows the pixels are no elements of their own (PS3.5, 7.1: tags ascend), so that they are shifted.
    """
    check_unpacked_size(path)
    item = pydicom.dcmread(path, force=True)
    tags = list(map(int, item.keys()))  # in the file's order; iterating over the data set itself sorts
    if PIXEL_DATA in tags and min(tags[tags.index(PIXEL_DATA) :]) < PIXEL_DATA:
        raise ValueError("elements that belong before the pixels follow them")
    if not hasattr(item, "file_meta"):
        item.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in item.file_meta:
        item.file_meta.TransferSyntaxUID = transfer_syntax(item)
    return item


def transfer_syntax(item: Any) -> UID:
    """Find out how a data set that does not say so is stored: as it was parsed, or by its first compressed bytes."""
    implicit, little = item.original_encoding
    data = item.get("PixelData") or b""
    if "PixelData" in item and item["PixelData"].is_undefined_length:
        frame = get_frame(data, 0, number_of_frames=int(item.get("NumberOfFrames") or 1))
        return _compression(frame)
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def stored_values(item: Any, frame: int = 0) -> np.ndarray:
    """Decode one frame.

    Args:
        item: From `read_file`.
        frame: Counted from 0.

    Returns:
        (y, x), or (y, x, samples) of a colour picture; whole numbers with the sign the file gives them.

    Raises:
        Exception: Whatever a decoder says of pixels that are missing or spoilt.
    """
    syntax = item.file_meta.TransferSyntaxUID
    if syntax.is_compressed and not syntax.is_deflated:
        return _decompressed(item, frame)
    _check_length(item)
    values = pixel_array(item, index=frame, raw=True, correct_unused_bits=False)
    return _signed(_without_overlays(values, item), item)


def _check_length(item: Any) -> None:
    """Refuse more pixels than rows, columns and frames have: which of them are the picture nobody knows.

    Raises:
        ValueError: What follows the picture is no padding with zeros.
    """
    sizes = [item.get(name) or 1 for name in ("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames")]
    needed = -(-math.prod(int(size) for size in sizes) * int(item.BitsAllocated) // 8)
    if str(item.get("PhotometricInterpretation")) != "YBR_FULL_422" and any(item.PixelData[needed + 1 :]):
        raise ValueError(f"{len(item.PixelData)} bytes of pixels where {needed} are expected")


def _decompressed(item: Any, frame: int) -> np.ndarray:
    """Decode through GDCM, which knows more forms than pydicom by itself, else through pydicom."""
    frames = int(item.get("NumberOfFrames") or 1)
    if int(item.get("SamplesPerPixel") or 1) != 1:
        return np.asarray(pixel_array(item, index=frame, raw=True))
    # A file of nothing but these pixels: GDCM then has no rescaling, no frames and no missing tags to trip over.
    plain = pydicom.Dataset()
    plain.file_meta = FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = item.file_meta.TransferSyntaxUID
    plain.file_meta.MediaStorageSOPClassUID = plain.SOPClassUID = CTImageStorage
    plain.file_meta.MediaStorageSOPInstanceUID = plain.SOPInstanceUID = UID("1.2.3")
    for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        setattr(plain, name, item.get(name))
    plain.SamplesPerPixel = 1
    plain.PhotometricInterpretation = "MONOCHROME2"
    plain.PixelData = encapsulate([get_frame(item.PixelData, frame, number_of_frames=frames)])
    plain["PixelData"].is_undefined_length = True
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "frame")
        plain.save_as(file, enforce_file_format=True)
        try:
            return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(file), imageIO="GDCMImageIO"))[0])
        except RuntimeError:
            return np.asarray(pixel_array(item, index=frame, raw=True))


def _without_overlays(values: np.ndarray, item: Any) -> np.ndarray:
    """Clear the bits above BitsStored where old scanners drew in them; elsewhere they may hold padding, and stay."""
    stored = int(item.get("BitsStored") or item.BitsAllocated)
    if any(int(item.get((group, 0x0102)).value or 0) >= stored for group in _overlay_groups(item)):
        return np.asarray(values & ((1 << stored) - 1))
    return values


def _overlay_groups(item: Any) -> list[int]:
    """List the overlay groups that say at which bit they are (OverlayBitPosition)."""
    return [group for group in range(0x6000, 0x6020, 2) if (group, 0x0102) in item]


def _signed(values: np.ndarray, item: Any) -> np.ndarray:
    """Give signed values of fewer bits than are allocated their sign, which the standard puts at HighBit.

    Most writers repeat it up to the top, so that nothing is to be done. Others write unsigned values and call them signed:
    where the intercept takes -1000 off, as for unsigned values, a value below 0 would be below the HU of air.
    """
    allocated, stored = int(item.BitsAllocated), int(item.get("BitsStored") or item.BitsAllocated)
    if not int(item.get("PixelRepresentation") or 0) or stored >= allocated or (values < 0).any():
        return values
    half = 1 << (stored - 1)
    if values.max(initial=0) >= 2 * half or float(item.get("RescaleIntercept") or 0) <= -1000:
        return values
    return np.where(values >= half, values - 2 * half, values)


def _compression(frame: bytes) -> UID:
    """Recognise a compression by its first bytes."""
    if frame.startswith(b"\xff\x4f\xff\x51"):
        return JPEG2000Lossless
    if not frame.startswith(b"\xff\xd8"):
        return RLELossless
    place = 2
    while place + 4 <= len(frame) and frame[place] == 0xFF:  # from marker to marker
        marker = frame[place + 1]
        known = {0xC0: JPEGBaseline8Bit, 0xC1: JPEGExtended12Bit, 0xC3: JPEGLosslessSV1, 0xF7: JPEGLSLossless}
        if marker in known:
            return known[marker]
        place += 2 + int.from_bytes(frame[place + 2 : place + 4], "big")
    return JPEGBaseline8Bit
