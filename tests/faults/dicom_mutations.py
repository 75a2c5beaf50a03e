"""Spoil DICOM files element by element: values, lengths, value representations, doubled and lost elements, bytes."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import mutations
from mutations import Rng
from pydicom.dataset import Dataset

_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UR", b"UT", b"UN", b"SV", b"UV")
_UNDEFINED = 0xFFFFFFFF
_DELIMITERS = (0xE000, 0xE00D, 0xE0DD)

NUMBER_WORDS = (
    *("nan", "inf", "-inf", "0", "-0", "-1", "1", "2", "1e-30", "1e30", "1e999", "1e-999", "", " ", "abc"),
    *("0.5", "65535", "4294967296", "9" * 64, "1\\2", "1\\2\\3\\4\\5\\6\\7", "\\", "1,5", "=1+1", "1\x00"),
)
UID_WORDS = (
    *("", "1.2.3", "../../up", "/etc/passwd", "1..2", "a" * 300, "0", "1.2.840.10008.5.1.4.1.1.2", "\x1b[2J"),
    *("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"),
    *("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"),
    *("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.100", "con", "\n", "<b>"),
)
TIME_WORDS = ("", "99999999", "20210231", "-1", "nan", "000000", "2021", "20210304", "235960", "1e5", "\x00")
CODE_WORDS = (
    *("CT", "MR", "SEG", "RTSTRUCT", "OT", "MONOCHROME1", "RGB", "PALETTE COLOR", "YBR_FULL", "YES", "NO"),
    *("LOCALIZER", "DERIVED\\SECONDARY", "BINARY", "FRACTIONAL", "LABELMAP", "CLOSED_PLANAR", "POINT"),
    *("ISO_IR 100", "ISO 2022 IR 87", "GB18030", "\\ISO 2022 IR 149", "UTF-8"),
)
SHORT_NUMBERS = (0, 1, 2, 3, 7, 8, 11, 12, 15, 16, 24, 31, 32, 33, 64, 255, 256, 10_000, 32767, 65535)
REPRESENTATIONS = (b"DS", b"IS", b"US", b"SS", b"FD", b"LO", b"SQ", b"UN", b"UI", b"OW", b"AT", b"TM", b"??")
_WORDS = {
    **dict.fromkeys((b"DS", b"IS"), NUMBER_WORDS),
    **dict.fromkeys((b"DA", b"TM", b"DT"), TIME_WORDS),
    b"UI": UID_WORDS,
    b"CS": CODE_WORDS,
}
TELLING = (
    *((0x0028, 0x0010), (0x0028, 0x0011), (0x0028, 0x0030), (0x0028, 0x0100), (0x0028, 0x0101)),
    *((0x0028, 0x0102), (0x0028, 0x0103), (0x0028, 0x0002), (0x0028, 0x0004), (0x0028, 0x0008)),
    *((0x0028, 0x1052), (0x0028, 0x1053), (0x0020, 0x0032), (0x0020, 0x0037), (0x0020, 0x000D)),
    *((0x0020, 0x000E), (0x0008, 0x0018), (0x0020, 0x0013), (0x0018, 0x0050), (0x7FE0, 0x0010)),
    *((0x0002, 0x0010), (0x0010, 0x0020), (0x0010, 0x0010), (0x0008, 0x103E), (0x0008, 0x0032)),
    *((0x3006, 0x0050), (0x3006, 0x0046), (0x3006, 0x0084), (0x0062, 0x0004), (0x0008, 0x0005)),
)
"""Elements that decide what is read: spoilt more often than the others."""


@dataclass(frozen=True)
class Element:
    """Where an element lies in a file: its header's first byte, its value's, and its end."""

    tag: tuple[int, int]
    vr: bytes
    start: int
    value: int
    end: int


def encoded(item: Dataset) -> bytes:
    """Write a data set with sequences of undefined length, so that what is within them may change its own."""
    _open_sequences(item)
    stream = io.BytesIO()
    item.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _open_sequences(item: Any) -> None:
    for element in item:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for part in element.value:
                part.is_undefined_length_sequence_item = True
                _open_sequences(part)


def elements(content: bytes) -> list[Element]:
    """List the elements of an explicit little-endian file, those within sequences too."""
    found, at = [], 132
    while at + 8 <= len(content):
        group, number = struct.unpack_from("<HH", content, at)
        if group == 0xFFFE and number in _DELIMITERS:
            at += 8
            continue
        vr = content[at + 4 : at + 6]
        if vr in _LONG:
            value, length = at + 12, struct.unpack_from("<I", content, at + 8)[0]
        else:
            value, length = at + 8, struct.unpack_from("<H", content, at + 6)[0]
        if vr == b"SQ" and length == _UNDEFINED:
            length = 0  # what is in it follows as elements of their own
        found.append(Element((group, number), vr, at, value, value + length))
        at = value + length
    return found


def spoilt(content: bytes, rng: Rng) -> bytes:
    """Spoil a file by one to three elements, or by its bytes."""
    way = rng.integers(12)
    if way < 3:
        return [mutations.flipped, mutations.cut, mutations.doubled][int(way)](content, rng)
    for _ in range(int(rng.integers(1, 4))):
        found = elements(content)
        telling = [element for element in found if element.tag in TELLING]
        among = telling if telling and rng.random() < 0.7 else found
        if not among:
            return content
        content = _change(content, among[int(rng.integers(len(among)))], rng)
    return content


def _change(content: bytes, element: Element, rng: Rng) -> bytes:
    before, whole, after = (
        content[: element.start],
        content[element.start : element.end],
        content[element.end :],
    )
    way = rng.random()
    if way < 0.1:
        return before + after
    if way < 0.15:
        return before + whole + whole + after
    if way < 0.2:  # another length than its value has
        claimed = bytearray(whole)
        wide = element.vr in _LONG
        value = int(rng.choice([0, 1, 3, 65535, 0x7FFFFFFF, _UNDEFINED])) & (_UNDEFINED if wide else 0xFFFF)
        struct.pack_into("<I" if wide else "<H", claimed, 8 if wide else 6, value)
        return before + bytes(claimed) + after
    if way < 0.27 and element.vr not in _LONG:
        other = REPRESENTATIONS[int(rng.integers(len(REPRESENTATIONS)))]
        return before + whole[:4] + other + whole[6:] + after
    return before + with_value(whole, element, _value(content, element, rng)) + after


def with_value(whole: bytes, element: Element, value: bytes) -> bytes:
    """Give an element another value, and the length that belongs to it."""
    value += b"\0" * (len(value) % 2)
    head = bytearray(whole[: element.value - element.start])
    if element.vr in _LONG:
        struct.pack_into("<I", head, 8, len(value))
    else:
        value = value[:0xFFFE]
        struct.pack_into("<H", head, 6, len(value))
    return bytes(head) + value


def _value(content: bytes, element: Element, rng: Rng) -> bytes:
    old = content[element.value : element.end]
    if element.vr in (b"US", b"SS"):
        return struct.pack("<H", SHORT_NUMBERS[int(rng.integers(len(SHORT_NUMBERS)))])
    if element.vr in (b"UL", b"SL", b"FL"):
        return struct.pack("<I", int(rng.choice([0, 1, 2, 1000, 1 << 31, _UNDEFINED])))
    if element.vr == b"FD":
        return struct.pack("<d", mutations.NUMBERS[int(rng.integers(len(mutations.NUMBERS)))])
    if element.vr in (b"OB", b"OW"):
        return [mutations.flipped, mutations.cut, mutations.doubled][int(rng.integers(3))](old, rng)
    if element.vr == b"SQ":
        return b""
    words = _WORDS.get(element.vr, mutations.TEXTS) if rng.random() < 0.85 else mutations.TEXTS
    word = words[int(rng.integers(len(words)))].encode("utf-8", "surrogatepass")
    parts = old.split(b"\\")
    if len(parts) > 1 and rng.random() < 0.7:
        parts[int(rng.integers(len(parts)))] = word
        return b"\\".join(parts)
    return word
