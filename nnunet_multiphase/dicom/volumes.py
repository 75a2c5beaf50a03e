"""Steps 2 and 3 for a series: the volumes in it, and what keeps each from being used."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from nnunet_multiphase.dicom.geometry import TOO_FEW, Grid, lay_out, shape_problem
from nnunet_multiphase.dicom.scan import Series, Slice
from nnunet_multiphase.dicom.split import split_stack

_T = TypeVar("_T")

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_MODALITIES = {
    "SR": "a report (dose, structured)",
    "MR": "MR",
    "PT": "PET",
    "US": "ultrasound",
    "XA": "angiography",
    "CR": "radiography",
    "DX": "radiography",
    "OT": "a picture of another kind",
    "SC": "a secondary capture",
    "DOC": "a document",
    "KO": "a key-object list",
    "PR": "a presentation state",
    "REG": "a registration",
    "RTDOSE": "a radiotherapy dose",
    "RTPLAN": "a radiotherapy plan",
}


@dataclass(frozen=True)
class Volume:
    """One volume of a series: a phase, or something that is not one."""

    key: str  # a hash, safe to show
    series: Series
    slices: tuple[Slice, ...]
    grid: Grid | None
    blocked: tuple[str, ...]  # it cannot be used, whatever the user says
    doubts: tuple[str, ...]  # it is not used unless the user says so
    notes: tuple[str, ...]  # worth saying, no reason against it
    has_phase: bool = True  # CT images of a stretch of the body, so one phase or another

    @property
    def start_s(self) -> float | None:
        """When its first slice was acquired."""
        return min((part.acquired_s for part in self.slices if part.acquired_s is not None), default=None)

    @property
    def number(self) -> int | None:
        """SeriesNumber, as most of its slices give it."""
        return _commonest(part.series_number for part in self.slices)

    @property
    def description(self) -> str:
        """SeriesDescription, as most of its slices give it."""
        return _commonest(part.description for part in self.slices) or ""

    @property
    def protocol(self) -> str:
        """ProtocolName, as most of its slices give it."""
        return _commonest(part.protocol for part in self.slices) or ""

    @property
    def modality(self) -> str:
        """Modality, as most of its slices give it."""
        return _commonest(part.modality for part in self.slices) or ""

    @property
    def uids(self) -> frozenset[str]:
        """The SOPInstanceUIDs of its slices."""
        return frozenset(part.uid for part in self.slices)


def volumes_of(series: Series) -> list[Volume]:
    """Take a series apart into volumes.

    Args:
        series: As found.

    Returns:
        At least one volume, earliest first; one that cannot be used says so in `blocked`.
    """
    slices = [part for part in series.slices if not part.localizer]
    notes = list(series.notes)
    if series.copies:
        notes.append(f"{series.copies} file(s) were there twice")
    if slices and len(slices) < len(series.slices):
        notes.append(f"{len(series.slices) - len(slices)} localizer image(s) left out")
    kind = _not_a_volume(slices or series.slices)
    if kind or shape_problem(slices):
        volume = _volume(series, 0, slices or series.slices, [kind or shape_problem(slices)], notes)
        return [replace(volume, has_phase=not kind)]
    groups, how = split_stack(slices)
    if how:
        notes.append(f"{len(groups)} volumes in one series, told apart by {how}")
    return [
        _volume(series, part if how else 0, group, [], notes) for part, group in enumerate(groups, start=1)
    ]


def series_key(series: Series, part: int) -> str:
    """Name a volume by a hash that cannot be confirmed without knowing PatientID and UIDs together.

    The leading letter keeps spreadsheets from reading it as a number.
    """
    text = "\n".join((series.patient_id, series.study, series.uid, str(part)))
    return "s" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _volume(
    series: Series, part: int, slices: Sequence[Slice], blocked: list[str], notes: list[str]
) -> Volume:
    grid: Grid | None = None
    if not blocked:
        grid, blocked = lay_out(slices)
    if series.damaged:
        grid, blocked = (
            None,
            [*blocked, f"{series.damaged} file(s) of this series are damaged: export it again"],
        )
    doubts = []
    if not all(image.has_rescale for image in slices) and slices[0].modality == "CT":
        doubts.append("no RescaleSlope or RescaleIntercept: the values may not be HU")
    if any(image.burned_in for image in slices):
        doubts.append("text is burned into the picture")
    if any(image.projection for image in slices):
        doubts.append("a projection (MIP), not the plain images")
    return Volume(
        key=series_key(series, part),
        series=series,
        slices=tuple(slices),
        grid=grid,
        blocked=tuple(blocked),
        doubts=tuple(doubts),
        notes=tuple(notes),
        has_phase=not any(TOO_FEW in problem for problem in blocked),
    )


def _not_a_volume(slices: Sequence[Slice]) -> str:
    modality = _commonest(part.modality for part in slices) or ""
    if not modality:
        return "files that do not say what they show (no Modality)"
    if modality != "CT":
        return f"not CT but {_MODALITIES.get(modality, 'another modality')}"
    if all(part.localizer for part in slices):
        return "a scout (localizer)"
    if all(f"{part.sop_class}.".startswith(f"{SECONDARY_CAPTURE}.") for part in slices):
        return "a secondary capture, not an image of the scanner"
    if all(part.screen for part in slices):
        return "a dose page or screen shot"
    if any(part.frames > 1 for part in slices):
        return "multi-frame (enhanced) CT, which is not read: convert it to one file a slice, e.g. with dcmtk or dcm4che"
    return ""


def _commonest(values: Iterable[_T]) -> _T | None:
    """Return the value that occurs most often, of several the first."""
    counted = Counter(value for value in values if value not in (None, ""))
    return counted.most_common(1)[0][0] if counted else None
