"""Steps 2 and 3 for a series: the volumes in it, and what keeps each from being used."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from nnunet_multiphase.dicom.clues import TWO_SCANS_S, pause_s
from nnunet_multiphase.dicom.geometry import (
    MIN_SLICES,
    ORIENTATION_TOLERANCE,
    TOO_FEW,
    Grid,
    lay_out,
    shape_problem,
)
from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.regroup import without_twins
from nnunet_multiphase.dicom.scan import Series
from nnunet_multiphase.dicom.split import (
    Part,
    Split,
    acquisition_order,
    count_positions,
    goes_on,
    split_stack,
)
from nnunet_multiphase.dicom.strays import (
    SECONDARY_CAPTURE,
    UNPLACED,
    Sort,
    image_kind,
    sort_images,
    strays_note,
)

_T = TypeVar("_T")

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
    liver_coverage: float | None = None  # share of the liver within its slices, 0..1; none: not known

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
    def agent_phase(self) -> str:
        """ContrastBolusAgentPhase, in the words of descriptions, as most of its frames give it."""
        return _commonest(part.agent_phase for part in self.slices) or ""

    @property
    def modality(self) -> str:
        """Modality, as most of its slices give it."""
        return _commonest(part.modality for part in self.slices) or ""

    @property
    def uids(self) -> frozenset[str]:
        """The SOPInstanceUIDs of its slices; of a frame also that of its file."""
        return frozenset(uid for part in self.slices for uid in (part.uid, part.uid.partition("#")[0]))


def volumes_of(series: Series) -> list[Volume]:
    """Take a series apart into volumes.

    Args:
        series: As found.

    Returns:
        At least one volume, earliest first; one that cannot be used says so in `blocked`.
    """
    notes = list(series.notes)
    if series.copies:
        notes.append(f"{series.copies} file(s) were there twice")
    chosen, strays = _choose(sort_images(series.slices))
    notes += strays_note(strays, chosen[0].slices[0])
    found: list[tuple[Part, list[str]]] = []
    how: list[str] = []
    for sort in chosen:
        # What is no CT image is told by its whole series: a picture of another kind says what most of it is.
        kind = (_not_a_volume(series.slices) if sort.kind else "") or _not_a_volume(sort.slices)
        problem = kind or shape_problem(sort.slices)
        if problem and len(chosen) == 1:
            return [replace(_volume(series, 0, Part(sort.slices), [problem], notes), has_phase=not kind)]
        if problem:
            found.append((Part(sort.slices), [problem]))
            continue
        split, told = _split(sort)
        found += [(part, []) for part in split.parts]
        how += split.how
        notes += told
    if len(chosen) > 1:
        how.append("the images' size, spacing and orientation")
        found = [(_cut_in_two(part, [other for other, _ in found]), problems) for part, problems in found]
    if len(found) > 1:
        notes.append(f"{len(found)} volumes in one series, told apart by {' and '.join(dict.fromkeys(how))}")
    found.sort(key=lambda item: acquisition_order(item[0].slices))
    return [
        _volume(series, n if len(found) > 1 else 0, part, problems, notes)
        for n, (part, problems) in enumerate(found, start=1)
    ]


def _choose(sorts: Sequence[Sort]) -> tuple[list[Sort], list[Sort]]:
    """Part the sorts of images that may be volumes from those that are strays."""
    usable = [sort for sort in sorts if not sort.kind]
    chosen = [sort for sort in usable if count_positions(sort.slices) >= MIN_SLICES]
    if usable and not chosen:
        together = tuple(part for sort in usable for part in sort.slices)
        # No size or direction is common enough to be the volume's: all are told as one.
        return [Sort(together, "") if len(together) >= MIN_SLICES else usable[0]], [
            sort for sort in sorts if sort.kind or (len(together) < MIN_SLICES and sort is not usable[0])
        ]
    chosen += [sort for sort in sorts if sort.kind == UNPLACED and len(sort.slices) >= MIN_SLICES]
    chosen = chosen or list(sorts[:1])
    return chosen, [sort for sort in sorts if sort not in chosen]


def _split(sort: Sort) -> tuple[Split, list[str]]:
    """Part images of one sort, and say what was left out."""
    told = []
    split = split_stack(sort.slices)
    if len(split.parts) == 1 and count_positions(sort.slices) < len(sort.slices):
        # Sent twice with new UIDs, perhaps: images of one place that nothing tells apart, not even their pixels.
        once = without_twins(sort.slices)
        if len(once) < len(sort.slices):
            told.append(f"{len(sort.slices) - len(once)} image(s) were there twice, with other UIDs")
            split = split_stack(once)
    if split.left_out:
        told.append(
            f"{len(split.left_out)} image(s) of acquisitions with fewer than {MIN_SLICES} slices left out"
        )
    return split, told


def _cut_in_two(part: Part, others: Sequence[Part]) -> Part:
    """Doubt a part that goes on in images of another form."""
    for other in others:
        mine, its = part.slices[0], other.slices[0]
        turned = np.subtract(mine.orientation or 0, its.orientation or 0)
        if np.abs(turned).max() > ORIENTATION_TOLERANCE:
            continue
        if (mine.rows, mine.columns, mine.pixel_spacing) == (its.rows, its.columns, its.pixel_spacing):
            # One grid: what shows the lacking places is the rest of it, however they lie to each other.
            if mine.photometric == its.photometric or _at_one_place(part, other):
                continue
            doubt = (
                f"the same series shows other places in {len(other.slices)} images of another PhotometricInterpretation, "
                "whose grey values may be turned round: export it again with one"
            )
            return replace(part, doubts=(*part.doubts, doubt))
        if not goes_on(part.slices, other.slices):
            continue
        pause = pause_s(part.slices, other.slices)
        if pause is None or pause < TWO_SCANS_S:
            doubt = "it goes on in images of another size or pixel spacing, and no time says whether they are one scan"
            return replace(part, doubts=(*part.doubts, doubt))
    return part


def _at_one_place(a: Part, b: Part) -> bool:
    together = count_positions([*a.slices, *b.slices])
    return together < count_positions(a.slices) + count_positions(b.slices)


def series_key(series: Series, part: int) -> str:
    """Name a volume by a hash that cannot be confirmed without knowing PatientID and UIDs together.

    The leading letter keeps spreadsheets from reading it as a number.
    """
    text = "\n".join((series.patient_id, series.study, series.uid, str(part)))
    return "s" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _volume(series: Series, number: int, part: Part, blocked: list[str], notes: list[str]) -> Volume:
    slices = part.slices
    grid: Grid | None = None
    if not blocked:
        grid, blocked = lay_out(slices)
    if series.damaged:
        grid, blocked = (
            None,
            [*blocked, f"{series.damaged} file(s) of this series are damaged: export it again"],
        )
    doubts = list(part.doubts)
    if not all(image.has_rescale for image in slices) and slices[0].modality == "CT":
        doubts.append("no RescaleSlope or RescaleIntercept: the values may not be HU")
    if any(image.burned_in for image in slices):
        doubts.append("text is burned into the picture")
    if lacking := _lacking_files(series, slices):
        doubts.append(
            f"{lacking} file(s) of its concatenation are not in the tree, and with them perhaps slices at its end: export "
            "it again whole"
        )
    return Volume(
        key=series_key(series, number),
        series=series,
        slices=slices,
        grid=grid,
        blocked=tuple(blocked),
        doubts=tuple(doubts),
        notes=(*part.notes, *notes, *_compression(slices)),
        has_phase=not any(TOO_FEW in problem for problem in blocked),
    )


def _compression(slices: Sequence[Slice]) -> list[str]:
    lossy = sum(part.lossy for part in slices)
    if not lossy:
        return []
    which = "" if lossy == len(slices) else f"{lossy} of its slices are "
    return [
        f"{which}compressed with loss (LossyImageCompression), so that the HU are not quite the scanner's: prefer an export "
        "without"
    ]


def _lacking_files(series: Series, slices: Sequence[Slice]) -> int:
    """Count the files that lack of the concatenations of which a volume's frames are."""
    own = {part.concatenation.uid for part in slices if part.concatenation}
    numbers: dict[str, set[int]] = {}
    last: dict[str, int] = {}
    for one in (part.concatenation for part in series.slices):
        if one is not None and one.uid in own:
            numbers.setdefault(one.uid, set()).add(one.number)
            last[one.uid] = max(last.get(one.uid, 0), one.number, one.total or 0)
    return sum(last[uid] - len(there) for uid, there in numbers.items())


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
    if all(image_kind(part) == "secondary capture" for part in slices):
        return "screen shots and secondary captures"
    if all(part.samples != 1 for part in slices):
        return "pictures in colour"
    if any(part.frames > 1 for part in slices):
        return "multi-frame images whose frames have no place of their own: convert them to one file a slice"
    return ""


def _commonest(values: Iterable[_T]) -> _T | None:
    """Return the value that occurs most often, of several the first."""
    counted = Counter(value for value in values if value not in (None, ""))
    return counted.most_common(1)[0][0] if counted else None
