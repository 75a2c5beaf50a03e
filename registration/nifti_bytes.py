"""Look at a NIfTI file byte by byte: ITK reads what a cut-off one lacks, and every NaN, as zero and says nothing."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

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
FARTHEST = 1e9
"""No header says more, in whatever unit: a kilometre in micrometres."""


@dataclass(frozen=True)
class _Header:
    """Hold at which byte of a header what stands, and how its numbers are written."""

    size: int  # also what its first field says
    dimension: int
    dimension_type: str
    spacing: int
    slope: int
    mark: int  # where the format names itself; Analyze 7.5 does not
    marks: tuple[bytes, ...]
    codes: int
    code_type: str
    qform: int
    sform: int
    real_type: str


HEADERS = (
    _Header(348, 40, "h", 80, 112, 344, (b"n+1", b"ni1"), 252, "h", 256, 280, "f"),  # NIfTI-1
    _Header(540, 16, "q", 112, 176, 4, (b"n+2", b"ni2"), 344, "i", 352, 400, "d"),  # NIfTI-2
)
_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
PAIR = (".hdr", ".img", ".hdr.gz", ".img.gz")


def is_nifti_name(path: Path) -> bool:
    """Tell whether a file's ending promises NIfTI."""
    return path.name.lower().endswith((".nii", ".nii.gz", *PAIR))


def what_it_is_instead(path: Path) -> str:
    """Tell by its first bytes what a file is that bears a volume's name, and what to do.

    Args:
        path: Any file.

    Returns:
        A clause to follow the file's name; the empty text where nothing speaks against the name, or it cannot be opened.
    """
    try:
        with path.open("rb") as stream:
            first = stream.read(512)
    except OSError:
        return ""
    if first.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            "is a web page (HTML or XML), as of a login or an error, and no volume: download the file itself"
        )
    if first.startswith(b"version https://git-lfs"):
        return (
            "is a Git LFS pointer and not the file it stands for: fetch that (git lfs pull), or download it"
        )
    if not is_nifti_name(path):
        return ""
    packed, named_packed = first.startswith(b"\x1f\x8b"), path.name.lower().endswith(".gz")
    if packed and not named_packed:
        return f"is packed (gzip), which its name does not say: rename it to {path.name}.gz"
    sizes = [kind.size.to_bytes(4, order) for kind in HEADERS for order in _ORDERS]
    if named_packed and first[:4] in sizes:
        return f"is not packed (gzip), which its name says: rename it to {path.name[: -len('.gz')]}"
    return ""


def unit_code(path: Path) -> int:
    """Give a NIfTI header's code of the unit of length: 0 unknown, 1 metre, 2 mm, 3 micrometre; 0 also where it is none."""
    if not is_nifti_name(path):
        return 0
    try:
        with _opened(_halves(path)[1]) as stream:
            raw = stream.read(348)
    except (EOFError, OSError, zlib.error):
        return 0
    return raw[123] & 7 if len(raw) == 348 else 0


def is_nifti_2(path: Path) -> bool:
    """Tell whether a file is of NIfTI's second version, which not every ITK reads."""
    try:
        with _opened(_halves(path)[1]) as stream:
            raw = stream.read(540)
    except (EOFError, OSError, zlib.error):
        return False
    return is_nifti_name(path) and raw[4:].startswith(HEADERS[1].marks)


def check_nifti_header(path: Path) -> None:
    """Make sure, before ITK reads it, that a NIfTI header places its volume by numbers: over infinity ITK never ends.

    Args:
        path: The file, or either half of a pair; what is no NIfTI passes, but for what is no volume at all.

    Raises:
        ValueError: It is something else than its name says, cannot be read, is no such header or that of Analyze 7.5, which
            ITK takes for a volume that lies straight, or what says where the volume lies is NaN, infinite or beyond all
            measure.
    """
    header = _halves(path)[1] if is_nifti_name(path) else path
    if other := what_it_is_instead(header):
        raise ValueError(f"{header} {other}")
    if not is_nifti_name(path):
        return
    try:
        with _opened(header) as stream:
            raw = stream.read(540)
    except (EOFError, OSError, zlib.error) as error:
        # ITK would go on with what little it could unpack of the header.
        raise ValueError(f"{path} is not readable as NIfTI ({error}): copy or export it again") from error
    kinds = ((order, kind) for kind in HEADERS for order in "<>" if len(raw) >= kind.size)
    order, kind = next(((o, k) for o, k in kinds if _numbers(raw, o, "i", 0)[0] == k.size), ("", HEADERS[0]))
    # ITK goes by the number of dimensions where the two do not fit, and takes all numbers the other way round.
    if not order or not 1 <= _numbers(raw, order, kind.dimension_type, kind.dimension)[0] <= 7:
        raise ValueError(
            f"{path} is not readable as NIfTI (its header does not begin as one): export it again"
        )
    if not raw[kind.mark :].startswith(kind.marks):
        raise ValueError(
            f"{path} is Analyze 7.5, which does not say which side is the patient's right: expected NIfTI; convert the "
            "original images again, to .nii.gz"
        )
    qform_code, sform_code = _numbers(raw, order, 2 * kind.code_type, kind.codes)
    numbers = [*_numbers(raw, order, 3 * kind.real_type, kind.spacing)]
    numbers += _numbers(raw, order, 6 * kind.real_type, kind.qform) if qform_code > 0 else ()
    numbers += _numbers(raw, order, 12 * kind.real_type, kind.sform) if sform_code > 0 else ()
    if not all(abs(number) < FARTHEST for number in numbers):  # NaN neither
        raise ValueError(
            f"{path} has a damaged header (no number, or an impossible one, says where it lies): export it again"
        )
    slope, intercept = _numbers(raw, order, 2 * kind.real_type, kind.slope)
    scaled = math.isfinite(slope) and slope != 0  # both NaN: nothing is
    # A slope that is next to nothing is 0 to ITK, and a slope to others.
    if scaled and not (1 / FARTHEST < abs(slope) < FARTHEST and abs(intercept) < FARTHEST):
        raise ValueError(
            f"{path} has a damaged header (its values are scaled by a number that is none): export it again"
        )


def _numbers(raw: bytes, order: str, types: str, at: int) -> tuple[Any, ...]:
    return struct.unpack_from(order + types, raw, at)


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
