"""Step 3b: what kind of images a volume holds: plain ones, or something that was made of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnunet_multiphase.dicom.geometry import normal
from nnunet_multiphase.dicom.kernels import is_soft, kernel_named, sharp_kernel
from nnunet_multiphase.dicom.kind_words import KINDS
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.words.descriptions import NO_OWN_WORDS, OwnWords
from nnunet_multiphase.words.search import find_words, fold, take_words, words_apart

# What a thin series is for, or what its raw data were: the images themselves are plain.
_PURPOSE = re.compile(
    r"(?<![a-z])(?:for|fur|fuer|zur|zum|pour|per|para|voor|no|ohne|w/o|without|sans)[\s_\-]+"
    r"(?:3d|mpr|mips?|vrt?|recons?|reformats?)(?:[\s_/,&+\-]+(?:3d|mpr|mips?|vrt?))*(?![a-z])"
)
_SUB_SPLITS_NO_IMAGES = re.compile(r"(?<![a-z])sub[\s_\-]*(?:mm|milli|cm|sec|vol)")
_KEV = re.compile(r"(?<![\d.])(?:[4-9]\d|1\d\d)\s?kev(?![a-z])")
# GE's Gemstone Spectral Imaging: an energy without its unit; QC is an image to check the scan by, with more noise.
_GSI = re.compile(r"(?<![a-z])gsi[\s_\-]*(?:(?:[4-9]\d|1[0-4]\d)(?![\d.,]|\s?(?:mm|s|sec|%))|qc(?![a-z]))")
# "Art - Nat": the later less the earlier; phases that are listed come in their order.
_LESS_PLAIN = re.compile(
    r"(?<![a-z])(?:art[a-z]*|pv|pvp|ven[a-z]*|portal[a-z]*|del[a-z]*|late|spat[a-z]*)\.?\s*[-\u2212\u2013]\s*"
    r"(?:nat|nativ[a-z]*|nc|ncct|plain|unenh[a-z]*|basale|blanco)(?![a-z])(?!\s*[-/+&,])"
)
_ONE_ENERGY = re.compile(
    r"(?<![a-z])(?:[ab][\s_]+(?:sn[\s_]?)?\d{2,3}[\s_]*kv|de[\s_].*\d[\s_]*kv|(?:low|high)[\s_]*energy)(?![a-z])"
)

_HU_TYPES = ("", "HU", "US", "UNSPECIFIED", "HOUNSFIELD")
# A defined term holds no blank (free text there says nothing), but some makers write units.
_OTHER_TYPE = re.compile(r"\S+|.*(?:IODINE|MG|ML|DENSIT|ATOMIC|EFF|PERCENT|%).*")
_KNOWN_TYPES = ("OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT")
_THICK = 3.0  # slices thicker than so many of their own steps are slabs, where they are derived too
_AXIAL, _UPRIGHT = np.cos(np.radians(35)), np.cos(np.radians(20))
_LEAST_TIME_POINTS = 6
_TIME_POINT_GAP_S = 12.0
_SAME_ACQUISITION_S = 0.5


@dataclass(frozen=True)
class Kind:
    """What a volume holds, beside its phase."""

    doubts: tuple[str, ...] = ()  # it is used only if the user says so
    notes: tuple[str, ...] = ()
    axial: bool = True
    original: bool = True  # ImageType: ORIGINAL, or nothing said
    soft: bool = False  # a kernel for soft tissue; False: not known


PLAIN = Kind()


def kind_of(volume: Volume, own: OwnWords = NO_OWN_WORDS) -> Kind:
    """Judge a volume by ImageType, SeriesDescription, ConvolutionKernel, RescaleType and its plane.

    Args:
        volume: Of a CT series.
        own: The user's own words; one for plain images hides what else a word in it would mean.

    Returns:
        Its kind, in words of our own.
    """
    values = _image_type(volume)
    text = fold(words_apart(volume.description))
    _, text = take_words(text, own.plain)
    text = _SUB_SPLITS_NO_IMAGES.sub(" ", _PURPOSE.sub(" ", text))
    kernel = kernel_named(" ".join(_commonest([part.kernel for part in volume.slices])), volume.description)
    original = not values or values[0] != "DERIVED"
    axial, plane = _plane(volume)
    doubts = []
    if words := find_words(text, own.derived):
        doubts.append(f"'{words[0]}' of your own words, not the plain images")
    elif name := _made_of_others(text, values):
        doubts.append(f"{name}, not the plain images")
    elif not original and _is_slab(volume):
        doubts.append("a thick slab, not the plain images")
    if _ONE_ENERGY.search(text) or any(value in ("DET A", "DET B") for value in values):
        doubts.append("one energy of a dual-energy scan, not the plain images")
    if not doubts and (plane or not (axial or original)):
        doubts.append(f"{plane or 'oblique'} slices, a reformatted series (MPR), not the plain images")
    if reason := sharp_kernel(kernel, text):
        doubts.append(reason)
    types = {part.rescale_type for part in volume.slices} - set(_HU_TYPES)
    if types := {kind for kind in types if _OTHER_TYPE.fullmatch(kind)}:
        named = " and ".join(sorted({kind if kind in _KNOWN_TYPES else "unknown" for kind in types}))
        doubts.append(f"RescaleType {named}: the values are not HU")
    notes = []
    if not doubts and not original and "SECONDARY" in values[1:2]:
        notes.append("ImageType DERIVED SECONDARY: computed from other images, look at it")
    return Kind(tuple(doubts), tuple(notes), axial, original, is_soft(kernel))


def with_kinds(volumes: Sequence[Volume], own: OwnWords = NO_OWN_WORDS) -> list[Volume]:
    """Add to every CT volume of a study what its kind says against its use.

    Args:
        volumes: Of one study.
        own: The user's own words.

    Returns:
        The same volumes, in their order.
    """
    of_scan = _time_points(volumes)
    judged = []
    for volume in volumes:
        if volume.has_phase:
            kind = kind_of(volume, own)
            doubts = kind.doubts
            if (count := of_scan.get(volume.key)) and not any("perfusion" in doubt for doubt in doubts):
                doubts = (*doubts, f"one of {count} time points of a dynamic (perfusion) scan")
            volume = replace(volume, doubts=(*volume.doubts, *doubts), notes=(*volume.notes, *kind.notes))
        judged.append(volume)
    return judged


def _made_of_others(text: str, values: Sequence[str]) -> str:
    for name, (words, parts) in KINDS.items():
        if any(part in value for value in values for part in parts) or find_words(text, words):
            return name
        if name == "virtual monoenergetic images" and (_KEV.search(text) or _GSI.search(text)):
            return name
        if name == "a subtraction" and _LESS_PLAIN.search(text):
            return name
    return ""


def _image_type(volume: Volume) -> tuple[str, ...]:
    """Give the values that most slices have, '_' and '-' as blanks."""
    return tuple(
        re.sub(r"[_\-\s]+", " ", value) for value in _commonest([part.image_type for part in volume.slices])
    )


def _commonest(values: Sequence[Sequence[str] | str]) -> tuple[str, ...]:
    (value, _), *_ = Counter(
        (value,) if isinstance(value, str) else tuple(value) for value in values
    ).most_common(1)
    return value


def _plane(volume: Volume) -> tuple[bool, str]:
    """Say whether slices are axial (within 35 degrees), and the plane's name where they are coronal or sagittal."""
    orientation = volume.slices[0].orientation
    if orientation is None:
        return True, ""
    x, y, z = np.abs(normal(orientation))
    if z > _AXIAL:
        return True, ""
    return False, "coronal" if y > _UPRIGHT else "sagittal" if x > _UPRIGHT else ""


def _is_slab(volume: Volume) -> bool:
    thickness = volume.slices[0].thickness_mm
    return (
        volume.grid is not None and thickness is not None and thickness >= _THICK * volume.grid.spacing_mm[2]
    )


def _time_points(volumes: Sequence[Volume]) -> dict[str, int]:
    """Find the volumes of dynamic scans: many in one series, or many acquisitions in close succession; key -> how many."""
    found: dict[str, int] = {}
    shown = [volume for volume in volumes if volume.has_phase]
    for uid in {volume.series.uid for volume in shown}:
        members = [volume for volume in shown if volume.series.uid == uid]
        if len(members) >= _LEAST_TIME_POINTS:
            found |= {volume.key: len(members) for volume in members}
    runs: list[list[list[Volume]]] = []
    last = -np.inf
    for start, members in _acquisitions(shown):
        if start - last > _TIME_POINT_GAP_S:
            runs.append([])
        runs[-1].append(members)
        last = start
    for run in runs:
        if len(run) >= _LEAST_TIME_POINTS:
            found |= {volume.key: len(run) for members in run for volume in members}
    return found


def _acquisitions(volumes: Sequence[Volume]) -> list[tuple[float, list[Volume]]]:
    """Gather the reconstructions of one acquisition: the times of their slices overlap; (start, volumes) in order."""
    spans = []
    for volume in volumes:
        times = [part.acquired_s for part in volume.slices if part.acquired_s is not None]
        if times:
            spans.append((min(times), max(times), volume.key, volume))
    gathered: list[tuple[float, list[Volume]]] = []
    end = -np.inf
    for start, last, _, volume in sorted(spans, key=lambda span: span[:3]):
        if start > end + _SAME_ACQUISITION_S:
            gathered.append((start, []))
        gathered[-1][1].append(volume)
        end = max(end, last)
    return gathered
