"""Look at a NIfTI file byte by byte: ITK reads what a cut-off one lacks, and every NaN, as zero and says nothing."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import SimpleITK as sitk

SAMPLES = {
    "2": "u1",
    "4": "i2",
    "8": "i4",
    "16": "f4",
    "64": "f8",
    "256": "i1",
    "512": "u2",
    "768": "u4",
    "1024": "i8",
    "1280": "u8",
}
"""NIfTI-1's number of a type of samples -> numpy's name. What is left out (colours, complex numbers) is no CT."""
CHUNK = 1 << 22
PAIR = (".hdr", ".img", ".hdr.gz", ".img.gz")


def is_nifti_name(path: Path) -> bool:
    """Tell whether a file's ending promises NIfTI."""
    return path.name.lower().endswith((".nii", ".nii.gz", *PAIR))


def check_nifti(path: Path, reader: sitk.ImageFileReader) -> None:
    """Make sure that a NIfTI file is as long as its header promises and holds numbers only; others pass.

    No more of it is unpacked than the header promises, and a little: what a few bytes claim to unpack to costs nothing.

    Args:
        path: The file, or either half of a pair.
        reader: With the file's header read.

    Raises:
        ValueError: It is cut off, damaged, or holds NaN or infinity; one sentence that names the file.
    """
    # A NIfTI file converted to another format keeps the header's fields as notes: the name decides.
    if not is_nifti_name(path) or not reader.HasMetaDataKey("datatype"):
        return
    name = SAMPLES.get(reader.GetMetaData("datatype"))
    if name is None:
        raise ValueError(
            f"{path} holds colours or complex numbers: expected a volume of grey values; export it again"
        )
    data_file, header_file = _halves(path)
    samples = math.prod(reader.GetSize()) * reader.GetNumberOfComponents()
    found, finite = 0, True
    try:
        with _opened(header_file) as stream:
            first = stream.read(4)  # 348 (540 in NIfTI-2), in the file's own byte order
        little = first in ((348).to_bytes(4, "little"), (540).to_bytes(4, "little"))
        header_bytes = int.from_bytes(first, "little" if little else "big")
        offset_bytes = int(reader.GetMetaData("vox_offset"))
        if data_file == header_file and offset_bytes < header_bytes + 4:
            # What ITK makes of NaN, 0 or a negative number: voxels from within the header's last bytes.
            raise ValueError(
                f"{path} has a damaged header (it does not say from which byte on the voxels are): export it again"
            )
        expected = offset_bytes + samples * int(name[1])
        dtype = np.dtype(("<" if little else ">") + name)
        with _opened(data_file) as stream:
            while found < offset_bytes and (skipped := len(stream.read(min(CHUNK, offset_bytes - found)))):
                found += skipped
            # Once more where all is there: a packed file's sum is looked at behind its last byte.
            while found <= expected and (chunk := stream.read(CHUNK)):
                if dtype.kind == "f":
                    # The last chunk may end within a sample, or beyond the volume: only whole samples count.
                    count = min(len(chunk), expected - found) // dtype.itemsize
                    finite = finite and bool(np.isfinite(np.frombuffer(chunk, dtype, count)).all())
                found += len(chunk)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is not readable to its end ({error}): copy or export it again") from error
    if found < expected:
        raise ValueError(
            f"{path} is cut off: expected {expected} bytes of NIfTI, found {found}; export it again"
        )
    if not finite:
        raise ValueError(
            f"{path} holds values that are not numbers (NaN or infinite): expected HU; export it again"
        )


def _halves(path: Path) -> tuple[Path, Path]:
    """Name the file that holds the voxels and the one that holds the header; they may be the same."""
    ending = next((ending for ending in PAIR if path.name.lower().endswith(ending)), None)
    if ending is None:
        return path, path
    stem = path.name[: -len(ending)]
    beside = {entry.name for entry in path.parent.iterdir()}

    def half(kind: str) -> Path:
        # As it is written itself, then in the other forms that ITK looks for.
        given = path.name[len(stem) :]
        own = [given] if kind in given.lower() else []
        forms = [*own, kind, kind + ".gz", kind.upper(), kind.upper() + ".GZ"]
        return path.with_name(next((stem + form for form in forms if stem + form in beside), stem + kind))

    return half(".img"), half(".hdr")


def _opened(path: Path) -> BinaryIO:
    """Open a file, unpacking it where its name says that it is packed."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")
