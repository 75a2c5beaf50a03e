"""Step 1a: walk a tree and say of each file whether it is DICOM, plainly none, or may be an image that is lost."""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

PREAMBLE = 128
_SUFFIXES = {".dcm", ".dicom", ".dic", ".ima", ".ct", ".acr"}
_VALUE_REPRESENTATIONS = frozenset(  # DICOM PS3.5, table 6.2-1; `setup` asks without pydicom whether a tree is DICOM
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)
_PACKED_ELSEWHERE = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")  # 7z and rar: nothing here looks into them
_MEMBERS_LOOKED_AT = 50


class Kind(Enum):
    """What a file is; the text says what is lost of one that may be an image."""

    DICOM = ""
    OTHER = "no DICOM"
    PACKED = "archive(s) (zip, gz, tar, 7z, rar) that hold or may hold DICOM were not opened: unpack them"
    SPOILT = (
        "file(s) are named like DICOM images but hold none (empty or overwritten): copy or export them again"
    )
    CLOSED = "file(s), folder(s) or link(s) cannot be opened: restore them or the permission to read them"
    DAMAGED = "DICOM file(s) are damaged (cut off or overwritten): export them again, or remove them"


def walk(root: Path) -> Iterator[tuple[Path, Kind]]:
    """Go through all files below a folder in the order of their names; links are followed, once each.

    Yields:
        Each file and its kind; a folder that cannot be read counts as CLOSED.
    """
    seen: set[str] = set()
    closed: list[Path] = []
    for folder, folders, names in os.walk(
        root, followlinks=True, onerror=lambda error: closed.append(Path(str(error.filename)))
    ):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        paths = [Path(folder, name) for name in sorted(names)]
        kinds = {path: kind_of(path) for path in paths if path.is_file() or path.is_symlink()}
        images = {_shape(path) for path, kind in kinds.items() if kind is Kind.DICOM}
        for path, kind in kinds.items():
            lost = kind is Kind.OTHER and _shape(path) in images and _is_blank(path)
            yield path, Kind.SPOILT if lost else kind
    for path in closed:
        yield path, Kind.CLOSED


def kind_of(path: Path) -> Kind:
    """Look at a file's first bytes, and into an archive as far as its first members."""
    if not path.is_file():  # a link to nothing, or to a pipe, which would be waited for
        return Kind.CLOSED
    try:
        with path.open("rb") as stream:
            start = stream.read(PREAMBLE + 8)
    except OSError:
        return Kind.CLOSED
    if is_dicom(start):
        return Kind.DICOM
    if path.name.startswith("."):  # what systems leave: .DS_Store, ._IM0001
        return Kind.OTHER
    if start.startswith(_PACKED_ELSEWHERE) or (_is_packed(start, path) and _holds_dicom(path)):
        return Kind.PACKED
    return Kind.SPOILT if path.suffix.lower() in _SUFFIXES else Kind.OTHER


def _shape(path: Path) -> str:
    """Give what the names of a series' files have in common: all but their numbers, decimal or hexadecimal."""
    return re.sub("[0-9A-Fa-f]+", "#", path.name)


def _is_blank(path: Path) -> bool:
    with path.open("rb") as stream:
        return not stream.read(PREAMBLE + 8).strip(b"\0\xff")


def is_dicom(start: bytes) -> bool:
    """Say whether a file that starts so is DICOM: with its preamble, or with a first element that can be one."""
    if start[PREAMBLE : PREAMBLE + 4] == b"DICM":
        return True
    if len(start) < 8 or start[:2] not in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08"):
        return False
    if start[4:6] in _VALUE_REPRESENTATIONS:  # explicit
        return True
    # Implicit is little endian; the first elements of either group are short.
    return start[1] == 0 and start[3] == 0 and int.from_bytes(start[4:8], "little") < 1024


def _is_packed(start: bytes, path: Path) -> bool:
    return start.startswith((b"PK\x03\x04", b"\x1f\x8b")) or path.name.lower().endswith(".tar")


def _holds_dicom(path: Path) -> bool:
    """Say whether one of an archive's first members is DICOM; one that cannot be read may be."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [item for item in archive.infolist() if not item.is_dir()][:_MEMBERS_LOOKED_AT]
                return any(
                    item.flag_bits & 1 or is_dicom(archive.open(item).read(PREAMBLE + 8)) for item in members
                )
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as tar:
                for _, item in zip(range(_MEMBERS_LOOKED_AT), tar, strict=False):
                    member = tar.extractfile(item)
                    if member is not None and is_dicom(member.read(PREAMBLE + 8)):
                        return True
            return False
        with gzip.open(path) as stream:
            return is_dicom(stream.read(PREAMBLE + 8))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, NotImplementedError):
        return path.suffix.lower() in {".zip", ".tar", ".tgz"}
