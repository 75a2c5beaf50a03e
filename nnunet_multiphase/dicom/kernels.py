"""Step 3c: what a reconstruction kernel is for, by the names that makers give."""

from __future__ import annotations

import re

from nnunet_multiphase.dicom.kind_words import LUNG_OR_BONE
from nnunet_multiphase.words.search import find_words, fold

# Siemens: a letter for the organ, perhaps a second one (Br, Bl, Hr), and the sharpness: below 50 for soft tissue.
_SIEMENS = re.compile(r"(?<![A-Za-z\d])([A-Z][a-z]?)(\d{2})([a-z]?)(?![A-Za-z\d])")
_SIEMENS_ANY_CASE = re.compile(_SIEMENS.pattern, re.IGNORECASE)
_CANON = re.compile(r"(?<![A-Z\d])FC ?(\d{2})(?!\d)")
_PHILIPS_SHARP = ("D", "E", "L", "YA", "YB", "YC", "YD", "YE")
_PHILIPS_SOFT = ("A", "B")
_SHARP_WORDS: tuple[str, ...] = (
    *("lung*", "bone*", "edge", "ultra", "sharp*", "vsharp", "hres", "HRCT", "inner ear", "boneplus"),
)
_SOFT_WORDS: tuple[str, ...] = ("standard", "stnd", "std", "soft", "smooth", "body std", "b soft*")

SHARP = 50
"""Siemens' number from which a kernel is sharp."""


def kernel_named(kernel: str, description: str) -> str:
    """Give ConvolutionKernel, or where that is missing the kernel that a description ends with; empty if neither."""
    if kernel.strip(" []'\""):
        return kernel.strip(" []'\"")
    for match in _SIEMENS.finditer(description):
        letters, _, suffix = match.groups()
        if letters[0] in "BHUIJDQST" and (suffix or letters[1:] in ("r", "v", "l", "f", "c")):
            return match[0]
    canon = _CANON.search(description.upper())
    return canon[0] if canon else ""


def sharp_kernel(kernel: str, folded_description: str) -> str:
    """Say why a kernel is not one for soft tissue; empty if it is, or if nothing is known.

    Args:
        kernel: From `kernel_named`.
        folded_description: Asked only where no kernel is named, or where it is of no known family.
    """
    sharp = _sharp(kernel)
    if sharp is None and find_words(folded_description, LUNG_OR_BONE):
        return "a lung or bone reconstruction by its description, not a soft kernel"
    return "a lung or bone kernel, not a soft one" if sharp else ""


def is_soft(kernel: str) -> bool:
    """Tell whether a kernel is known to be one for soft tissue."""
    return _sharp(kernel) is False


def _sharp(kernel: str) -> bool | None:
    if canon := _CANON.search(kernel.upper()):
        number = int(canon[1])
        if number < 20:
            return False
        return None if number // 10 in (2, 4, 6) else True  # 20s, 40s and 60s: heads
    if siemens := _SIEMENS_ANY_CASE.search(kernel):
        return int(siemens[2]) >= SHARP
    if find_words(kernel, _SHARP_WORDS):
        return True
    if find_words(fold(kernel), _SOFT_WORDS):
        return False
    first = kernel.split()[0].upper() if kernel.split() else ""
    return True if first in _PHILIPS_SHARP else False if first in _PHILIPS_SOFT else None
