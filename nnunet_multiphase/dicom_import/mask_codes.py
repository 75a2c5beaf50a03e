"""What the coded terms beside a mask's label say of it: lesion, liver, another organ, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnunet_multiphase.words.labels import (
    LESIONS,
    LIVER,
    Reading,
    mask_kind,
    meanings_in,
    own_reading,
    read_label,
)

# SNOMED CT, its older form SRT, and NCI's thesaurus: mass, lesion, neoplasm, necrosis, nodule, metastasis, hepatoma.
_LESION_CODES = frozenset(
    (
        "4147007",
        "52988006",
        "108369006",
        "126851005",
        "109841003",
        "25370001",
        "86049000",
        "14799000",
        "6574001",
        "27925004",
        "M-03000",
        "M-80003",
        "M-80000",
        "M-80006",
        "M-81703",
        "M-54000",
        "C3262",
        "C18009",
        "C3099",
    )
)
_LIVER_CODES = frozenset(("10200004", "181268008", "T-62000", "C12392"))
# Tissue, body structure, abdomen and the like: true of a liver's lesion, and of anything else.
_EMPTY_CODES = frozenset(
    (
        "85756007",
        "T-D0050",
        "49755003",
        "M-01000",
        "123037004",
        "T-D0010",
        "91723000",
        "260787004",
        "113345001",
        "T-D4000",
        "818983003",
        "818981001",
    )
)

_NOT_THE_TUMOUR = frozenset(
    (
        "CTV",
        "PTV",
        "ITV",
        "AVOIDANCE",
        "EXTERNAL",
        "CAVITY",
        "BOLUS",
        "CONTRAST_AGENT",
        "MARKER",
        "CONTROL",
        "IRRAD_VOLUME",
        "TREATED_VOLUME",
        "DOSE_REGION",
        "SUPPORT",
        "FIXATION",
        "REGISTRATION",
        "ISOCENTER",
        "BRACHY_CHANNEL",
        "DOSE_MEASUREMENT",
        "PTV_EVAL",
    )
)
"""RT ROI Interpreted Types that a tumour's outline does not have."""


OwnLabels = Mapping[str, Sequence[str]]  # lesions, liver, other -> the user's own words


def segment_reading(segment: Any, own: OwnLabels | None = None) -> Reading:
    """Say what a segment of a SEG is, by its label and its codes together.

    Args:
        segment: An item of SegmentSequence.
        own: The user's own words, which decide alone where one is in the label.

    Returns:
        What the label says if no code speaks against it; what the codes say if the label says nothing.
    """
    if reading := own_reading(str(segment.get("SegmentLabel") or ""), own or {}):
        return reading
    description = str(segment.get("SegmentDescription") or "")
    label = read_label(str(segment.get("SegmentLabel") or description))
    told = meanings_in(description)
    if label.kind == LESIONS and "place" in told and not told & {"liver", "hepatic"}:
        return Reading(None, "another organ in the segment's description")
    types = {_type_of(code) for code in segment.get("SegmentedPropertyTypeCodeSequence") or []} - {""}
    regions = {_region_of(code) for code in segment.get("AnatomicRegionSequence") or []} - {""}
    if label.kind is None and (label.why or label.known):
        return label
    if label.kind is None:
        if len(types) != 1 or not types <= {LESIONS, LIVER}:
            return Reading(None, known=bool(types))
        label = Reading(next(iter(types)))
    elif types - {label.kind}:
        return Reading(None, f"the code of its property type ({', '.join(sorted(types))})")
    if label.kind == LESIONS and regions - {LIVER}:
        return Reading(None, "the code of its anatomic region, which is not the liver's")
    return label


def region_reading(name: str, types: set[str], own: OwnLabels | None = None) -> Reading:
    """Say what a region of an RTSTRUCT is, by its name and its interpreted types.

    Args:
        name: ROIName.
        types: RTROIInterpretedType of its observations, in capitals.
        own: The user's own words, which decide alone where one is in the name.
    """
    if reading := own_reading(name, own or {}):
        return reading
    label = read_label(name)
    against = types & (_NOT_THE_TUMOUR | ({"GTV"} if label.kind == LIVER else set()))
    if label.kind is None and not label.known and not label.why and types == {"GTV"}:
        return Reading(LESIONS)
    if label.kind and against:
        return Reading(None, f"its interpreted type ({', '.join(sorted(against))})")
    return label


def _type_of(code: Any) -> str:
    """Read the code of a property type: lesions, liver, 'another structure', or '' where it says nothing."""
    if (value := _value(code)) in _LIVER_CODES:
        return LIVER
    if value in _LESION_CODES:
        return LESIONS
    meaning = str(code.get("CodeMeaning") or "")
    if value not in _EMPTY_CODES and "place" in meanings_in(meaning):
        return "another structure"
    return mask_kind(meaning) or ""


def _region_of(code: Any) -> str:
    """Read the code of an anatomic region: liver, 'another structure', or '' where it says nothing."""
    value, meanings = _value(code), meanings_in(str(code.get("CodeMeaning") or ""))
    if value in _LIVER_CODES or ("liver" in meanings and "place" not in meanings):
        return LIVER
    return "" if value in _EMPTY_CODES or not (value or meanings) else "another structure"


def _value(code: Any) -> str:
    return str(code.get("CodeValue") or "")
