"""Step 1c: take a multi-frame (enhanced) CT apart into its frames, each a slice with a place, a time and a rescaling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pydicom.uid import EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

from nnunet_multiphase.dicom.header import Concatenation, Slice

ENHANCED: tuple[str, ...] = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)

PIXEL_VALUES = "PixelValueTransformationSequence"

# What of a frame says a slice's attribute: the functional group, and the attribute's name if it has another one there.
_GROUPS: tuple[tuple[str, dict[str, str]], ...] = (
    ("PlanePositionSequence", {"ImagePositionPatient": ""}),
    ("PlaneOrientationSequence", {"ImageOrientationPatient": ""}),
    ("PixelMeasuresSequence", {"PixelSpacing": "", "SliceThickness": ""}),
    (PIXEL_VALUES, {"RescaleSlope": "", "RescaleIntercept": "", "RescaleType": ""}),
    ("CTImageFrameTypeSequence", {"ImageType": "FrameType"}),
    ("CTReconstructionSequence", {"ConvolutionKernel": ""}),
    ("CTXRayDetailsSequence", {"KVP": ""}),
    ("CTAcquisitionDetailsSequence", {"GantryDetectorTilt": ""}),
    ("IrradiationEventIdentificationSequence", {"IrradiationEventUID": ""}),
    (
        "FrameContentSequence",
        {
            "AcquisitionDateTime": "FrameAcquisitionDateTime",
            "AcquisitionNumber": "FrameAcquisitionNumber",
            "TemporalPositionIdentifier": "TemporalPositionIndex",
        },
    ),
)
_CONVERTED = (
    "UnassignedPerFrameConvertedAttributesSequence",
    "UnassignedSharedConvertedAttributesSequence",
)
"""Where a series that was made one file of single slices keeps what has no group of its own."""

_PHASES = {
    "PRE_CONTRAST": "non-contrast",
    "ARTERIAL": "arterial",
    "PORTAL_VENOUS": "portal venous",
    "VENOUS": "venous",
    "DELAYED": "delayed",
}


def is_multiframe(part: Slice) -> bool:
    """Say whether a file may hold several slices."""
    return part.frames > 1 or part.sop_class in ENHANCED


def frames_of(part: Slice, header: Any, read: Callable[[Any], Slice]) -> list[Slice]:
    """List the frames of a file as slices.

    Args:
        part: What the file as a whole says.
        header: All of its header.
        read: Makes a slice of a header as single images have it.

    Returns:
        The slices; none where the frames have no functional groups, or not one set each.
    """
    groups = header.get("PerFrameFunctionalGroupsSequence") or []
    if not groups or len(groups) != part.frames:
        return []
    concatenation = _concatenation(header)
    # Numbers count on from file to file; the parts of a concatenation need not be of one length.
    first = header.get("ConcatenationFrameOffsetNumber") if concatenation else None
    first = part.instance * len(groups) if first is None else int(first)
    frames = []
    for number, frame in enumerate(groups):
        single = _single(header, frame)
        one = read(single)
        frames.append(
            replace(
                one,
                path=part.path,
                uid=f"{part.uid}#{number + 1}" if part.frames > 1 else part.uid,
                instance=first + number,
                frames=1,
                frame=number,
                rows=part.rows,
                columns=part.columns,
                sop_class=part.sop_class,
                syntax_missing=part.syntax_missing,
                agent_phase=_phase(header, frame),
                agent=_agent(header, frame) or one.agent,
                concatenation=concatenation,
            )
        )
    return frames


def uids_of(uid: str, frame: int) -> tuple[str, str]:
    """Give what a slice may be called: its file's UID, or that with the number of the frame."""
    return uid, f"{uid}#{frame + 1}"


def named_images(reference: Any) -> list[str]:
    """List what a reference to an image names: its UID or, of a multi-frame file, those of the frames it names."""
    uid, frames = str(reference.ReferencedSOPInstanceUID), reference.get("ReferencedFrameNumber")
    if frames is None or frames == "":
        return [uid]
    numbers = [frames] if isinstance(frames, (int, str)) else list(frames)
    return [f"{uid}#{int(number)}" for number in numbers]


def group_of(header: Any, frame: Any, name: str) -> Any:
    """Give a frame's functional group of that name, its own or the shared one; None if there is none."""
    shared = header.get("SharedFunctionalGroupsSequence") or [{}]
    found = frame.get(name) or shared[0].get(name)
    return found[0] if found else None


def _single(header: Any, frame: Any) -> dict[str, Any]:
    """Say in a single image's terms what a frame says."""
    single = _Values({element.keyword: element.value for element in header if element.VR != "SQ"})
    for converted in _converted(header, frame):
        single |= {element.keyword: element.value for element in converted if element.VR != "SQ"}
    for name, wanted in _GROUPS:
        group = group_of(header, frame, name)
        for keyword, there in wanted.items() if group is not None else ():
            value = group.get(there or keyword)
            if value is not None:
                single[keyword] = value
    kind = group_of(header, frame, "CTImageFrameTypeSequence")
    technique = str((kind or header).get("VolumeBasedCalculationTechnique") or "NONE")
    if technique not in ("NONE", "MIXED"):  # MAX_IP, MPR ...: what FrameType may leave out
        single["ImageType"] = [*(single.get("ImageType") or ["DERIVED", "PRIMARY"]), technique]
    return _Values(single, file_meta=getattr(header, "file_meta", {}))


def _concatenation(header: Any) -> Concatenation | None:
    """Say of which concatenation a file is a part: one image of many frames, stored in several files."""
    if not header.get("ConcatenationUID") or not header.get("InConcatenationNumber"):
        return None
    total = header.get("InConcatenationTotalNumber")
    return Concatenation(
        str(header.ConcatenationUID), int(header.InConcatenationNumber), int(total) if total else None
    )


class _Values(dict[str, Any]):
    """Values by keyword, and the meta header they came with: all that is asked of a header."""

    def __init__(self, values: dict[str, Any], file_meta: Any = None) -> None:
        super().__init__(values)
        self.file_meta = file_meta or {}


def _converted(header: Any, frame: Any) -> Iterator[Any]:
    for name in reversed(_CONVERTED):
        if (group := group_of(header, frame, name)) is not None:
            yield group


def _phase(header: Any, frame: Any) -> str:
    """Put ContrastBolusAgentPhase in the words of descriptions."""
    usage = group_of(header, frame, "ContrastBolusUsageSequence")
    return _PHASES.get(str(usage.get("ContrastBolusAgentPhase") or ""), "") if usage is not None else ""


def _agent(header: Any, frame: Any) -> str:
    """Name the contrast agent, unless the frame says that it was not given yet."""
    agents = header.get("ContrastBolusAgentSequence") or []
    usage = group_of(header, frame, "ContrastBolusUsageSequence")
    if not agents or (usage is not None and usage.get("ContrastBolusAgentAdministered") == "NO"):
        return ""
    return str(agents[0].get("CodeMeaning") or "")
