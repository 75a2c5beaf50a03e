"""Spoil good inputs: bytes, header fields, cells, JSON values. Everything follows from a seed."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator

NUMBERS = (0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, -1e30, float("nan"), float("inf"), float("-inf"), 3.0e9, 352.0)
SHORTS = (0, 1, -1, 2, 3, 4, 5, 7, 8, 255, 256, 1000, 30000, 32767, -32768)
TEXTS = (
    "",
    " ",
    "..",
    "../../up",
    "/etc/passwd",
    "=1+1",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "\x1b[2J",
    "a\x00b",
    "\u202egz.iin",
    "\u2028",
    "\ufeff",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "x" * 300,
    "CON",
    "a/b",
    "a|b",
    "nan",
    "1e999",
    '"',
    "''",
    "\n",
    "\r",
    ",",
    ";",
    "\t",
)

NIFTI_FIELDS = (
    [(40 + 2 * n, "h", SHORTS) for n in range(8)]  # dim
    + [
        (70, "h", (*SHORTS, 16, 32, 64, 128, 512, 768, 1024, 1280, 1536, 2304)),
        (72, "h", (*SHORTS, 16, 32, 64)),
    ]
    + [(76 + 4 * n, "f", NUMBERS) for n in range(8)]  # pixdim
    + [(108, "f", NUMBERS), (112, "f", NUMBERS), (116, "f", NUMBERS)]  # vox_offset, slope, intercept
    + [(123, "B", tuple(range(0, 256, 5)))]  # units
    + [(252, "h", SHORTS), (254, "h", SHORTS)]  # form codes
    + [(256 + 4 * n, "f", NUMBERS) for n in range(18)]  # quaternion, offsets, sform
    + [(0, "i", (0, 1, 348, 540, 1543569408, -1)), (344, "I", (0, 0x0031696E, 0x00312B6E, 0x0032696E))]
)


def flipped(content: bytes, rng: Rng) -> bytes:
    """Change up to eight bytes."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        if changed:
            changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)


def cut(content: bytes, rng: Rng) -> bytes:
    """Cut off the end."""
    return content[: int(rng.integers(len(content) + 1))]


def doubled(content: bytes, rng: Rng) -> bytes:
    """Put a piece in once more, somewhere else."""
    first, last = sorted(rng.integers(len(content) + 1, size=2).tolist())
    at = int(rng.integers(len(content) + 1))
    return content[:at] + content[first:last] + content[at:]


def nifti(content: bytes, rng: Rng) -> bytes:
    """Write odd values into fields of a NIfTI-1 header, or spoil its bytes."""
    way = rng.integers(10)
    if way == 0:
        return cut(content, rng)
    if way == 1:
        return doubled(content, rng)
    if way == 2:
        return flipped(content[:348], rng) + content[348:]
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at, kind, values = NIFTI_FIELDS[int(rng.integers(len(NIFTI_FIELDS)))]
        struct.pack_into(f"<{kind}", changed, at, values[int(rng.integers(len(values)))])
    return bytes(changed)


def packed(content: bytes, rng: Rng) -> bytes:
    """Pack with gzip, and now and then spoil the packing."""
    whole = gzip.compress(content, 1, mtime=0)
    return whole if rng.random() < 0.7 else [flipped, cut, doubled][int(rng.integers(3))](whole, rng)


def text(content: bytes, rng: Rng) -> bytes:
    """Spoil a text: odd words in the place of its own, or its bytes."""
    way = rng.integers(8)
    if way < 3:
        return [flipped, cut, doubled][int(way)](content, rng)
    words = (
        content.decode("latin-1")
        .replace("\n", "\0\n\0")
        .replace(" ", "\0 \0")
        .replace(",", "\0,\0")
        .split("\0")
    )
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(words)))
        words[at] = (
            TEXTS[int(rng.integers(len(TEXTS)))] if rng.random() < 0.7 else str(SHORTS[int(rng.integers(15))])
        )
    return "".join(words).encode("utf-8", "surrogatepass")


def json_text(content: bytes, rng: Rng) -> bytes:
    """Put another value, or none, in the place of one anywhere in a JSON text, or spoil its bytes."""
    way = rng.integers(10)
    if way < 3:
        return [flipped, cut, doubled][int(way)](content, rng)
    if way == 3:
        return b"[" * 100_000 if rng.random() < 0.5 else content.replace(b"{", b'{"x": ' * 5_000, 1)
    value = json.loads(content)
    for _ in range(int(rng.integers(1, 4))):
        value = _replaced(value, rng)
    return json.dumps(value).encode()


def _replaced(value: Any, rng: Rng) -> Any:
    odd: tuple[Callable[[], Any], ...] = (
        lambda: None,
        list,
        dict,
        lambda: True,
        lambda: TEXTS[int(rng.integers(len(TEXTS)))],
        lambda: NUMBERS[int(rng.integers(len(NUMBERS)))],
        lambda: int(SHORTS[int(rng.integers(len(SHORTS)))]),
        lambda: 10**400,
        lambda: [value, value],
        lambda: {"x": value},
        lambda: str(value),
    )
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = list(value)[int(rng.integers(len(value)))]
        way = rng.random()
        if way < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if way < 0.25:
            return {TEXTS[int(rng.integers(len(TEXTS)))] if k == key else k: v for k, v in value.items()}
        return {**value, key: _replaced(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = int(rng.integers(len(value)))
        return [_replaced(item, rng) if n == at else item for n, item in enumerate(value)]
    return odd[int(rng.integers(len(odd)))]()
