"""Step 8: find out which masks lie on which volume, by what they name or, where they name nothing, by their planes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nnunet_multiphase.dicom.header import read_header
from nnunet_multiphase.dicom.scan import MaskFile
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.drawing import Drawing, Plane
from nnunet_multiphase.dicom_import.mask_codes import OwnLabels
from nnunet_multiphase.dicom_import.mask_places import (
    BY_PLANES,
    Index,
    Places,
    References,
    places_of,
    references_of,
)
from nnunet_multiphase.dicom_import.mask_table import LESION_FREE, MaskCorrection, MaskRow
from nnunet_multiphase.dicom_import.pseudonyms import Name, StudyKey
from nnunet_multiphase.dicom_import.rtstruct import regions
from nnunet_multiphase.dicom_import.segmentation import segments
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.words.labels import LESIONS


@dataclass(frozen=True, eq=False)
class Layer:
    """One segment or region of interest on one volume."""

    kind: str  # lesions or liver
    file: MaskFile
    number: int  # in its file
    key: str  # a hash, safe to show
    volume_key: str
    planes: tuple[Plane, ...]  # its frames or contours that belong to this volume
    lesion_free: bool = False  # the user says that it is empty for a reason

    @property
    def title(self) -> str:
        """What to call it in a message."""
        return _title(self.kind, self.file, self.number, self.key)


@dataclass(eq=False)
class Found:
    """The masks of a tree, and what is to be said of them."""

    layers: list[Layer] = field(default_factory=list)
    rows: list[MaskRow] = field(default_factory=list)  # one a segment or region
    remarks: list[str] = field(default_factory=list)
    failures: dict[str, list[str]] = field(default_factory=dict)  # case -> why it cannot be written
    empty: dict[str, list[str]] = field(
        default_factory=dict
    )  # case -> lesion masks that nothing was drawn in

    def tell(self, case: str, sentence: str) -> None:
        """Note why a case cannot be written; without a case it can but be said."""
        if case:
            self.failures.setdefault(case, []).append(f"case {case}: {sentence}")
        else:
            self.remarks.append(sentence)


def find_layers(
    files: Iterable[MaskFile],
    volumes: Sequence[Volume],
    names: Mapping[StudyKey, Name],
    corrections: Mapping[str, MaskCorrection] | None = None,
    *,
    by_planes: bool = False,
    own: OwnLabels | None = None,
) -> Found:
    """Match masks and volumes.

    A mask lies on the volume whose images its frames or contours name, together with their series. One that names
    nothing lies on the one volume of its patient, in its frame of reference, on whose slices all its planes lie.

    Args:
        files: SEG and RTSTRUCT files.
        volumes: All volumes of the tree.
        names: (PatientID, StudyInstanceUID) -> what the study is called.
        corrections: Mask key -> what the user's mask table says; it is followed.
        by_planes: Let the planes decide also for masks that name images which are not in the tree.
        own: The user's own words for labels.

    Returns:
        The layers, and what is to be said. Segments that are neither lesion nor liver are passed over.
    """
    found = Found()
    index = Index.of(volumes)
    seen: set[str] = set()
    for file in files:
        name = _name_of(file, names)
        case = name.case if name else ""
        try:
            header = read_header(file.path)
            drawings = segments(header, own) if file.modality == "SEG" else regions(header, own)
            if len({drawing.number for drawing in drawings}) < len(drawings):
                raise InputError(
                    "gives several segments one number, so that nothing tells them apart: export it again"
                )
            references = references_of(header)
            content = hashlib.sha256(file.path.read_bytes()).hexdigest()
        except InputError as error:
            found.tell(case, f"{_file(file)} {error}")
            continue
        except Exception:  # whatever a broken file makes the parser trip over
            found.tell(case, f"{_file(file)} cannot be read: no mask is taken from it; export it again")
            continue
        if content in seen:  # the same file under two names
            continue
        seen.add(content)
        near = _near(file, volumes)
        _look_through(
            file, content, drawings, references, near, index, names, corrections or {}, by_planes, found
        )
    return found


def mask_kinds(layers: Iterable[Layer]) -> dict[str, set[str]]:
    """List which kinds of mask lie on which volume."""
    kinds: dict[str, set[str]] = {}
    for layer in layers:
        kinds.setdefault(layer.volume_key, set()).add(layer.kind)
    return kinds


def _look_through(
    file: MaskFile,
    content: str,
    drawings: Sequence[Drawing],
    references: References,
    near: Sequence[Volume],
    index: Index,
    names: Mapping[StudyKey, Name],
    corrections: Mapping[str, MaskCorrection],
    by_planes: bool,
    found: Found,
) -> None:
    """Settle what each segment or region of one file is and where it lies."""
    unclear: dict[str, list[str]] = {}  # what speaks against a label -> masks
    unknown: list[str] = []
    fitted: dict[str, list[str]] = {}  # volume key -> masks that were matched by planes
    doubtful: dict[str, list[str]] = {}  # what makes their place doubtful -> masks
    name = _name_of(file, names)
    wanted = False
    for drawing in drawings:
        key = _mask_key(content, drawing.number)
        correction = corrections.get(key)
        kind = correction.kind if correction else drawing.reading.kind
        why = drawing.reading.why
        if kind is None:
            if not correction and why:
                unclear.setdefault(why, []).append(key)
            elif not correction and not drawing.reading.known:
                unknown.append(key)
            found.rows.append(_row(name, file, drawing, key, "no", Places(problem="" if correction else why)))
            continue
        wanted = True
        free = bool(correction and correction.taken_as == LESION_FREE)
        places = places_of(drawing, references, near, index, by_planes)
        if correction and correction.series and set(places.planes) != {correction.series}:
            places = Places({correction.series: drawing.planes}, "the mask table")
        owner = name or _owner(places, index, names)
        case = owner.case if owner else ""
        title = _title(kind, file, drawing.number, key)
        problem = places.problem
        if not drawing.planes and not places.planes:
            problem = _why_empty(drawing)
            if kind == LESIONS and drawing.open_lines and not free:
                found.tell(case, f"{title}: {problem}; {_CLOSE_THEM}")
            elif kind == LESIONS and case and not free:
                found.empty.setdefault(case, []).append(title)
            else:
                found.remarks.append(f"{_of(case)}{title}: {problem} and was left out")
        elif problem:
            found.tell(case, f"{title} {problem}")
        else:
            found.layers += [
                Layer(kind, file, drawing.number, key, volume_key, tuple(planes), free)
                for volume_key, planes in sorted(places.planes.items())
            ]
            if places.how == BY_PLANES and not correction:
                fitted.setdefault(next(iter(places.planes)), []).append(key)
            if places.doubt and not (correction and correction.series):
                doubtful.setdefault(places.doubt, []).append(key)
            if drawing.open_lines:
                found.remarks.append(
                    f"{_of(case)}{title}: {drawing.open_lines} of its contours are open lines or of no known type, which "
                    "enclose no region, and were left out; look at it"
                )
        taken_as = correction.taken_as if correction else kind
        found.rows.append(
            _row(owner, file, drawing, key, taken_as, Places(places.planes, places.how, problem))
        )
        name = name or owner
    case = name.case if name else ""
    if not wanted and not unclear and not any(_mask_key(content, d.number) in corrections for d in drawings):
        found.remarks.append(
            f"{_of(case)}{_file(file)} has no segment whose label says lesion or liver: no mask is taken "
            f"from it{_TAKEN_AS}"
        )
        unknown = []
    found.remarks += _remarks_on(_file(file), _of(case), unknown, unclear, fitted, doubtful)


def _remarks_on(
    file: str,
    of_case: str,
    unknown: Sequence[str],
    unclear: Mapping[str, Sequence[str]],
    fitted: Mapping[str, Sequence[str]],
    doubtful: Mapping[str, Sequence[str]],
) -> list[str]:
    """Say which masks of a file were passed over, which were matched by their planes, and whose place is doubtful."""
    remarks = []
    if unknown:
        remarks.append(
            f"{of_case}{len(unknown)} segment(s) of {file} have labels of which nothing is known and "
            f"are passed over ({', '.join(unknown)}){_TAKEN_AS}"
        )
    remarks += [
        f"{of_case}{len(keys)} segment(s) of {file} are not taken ({', '.join(keys)}): the label "
        f"names a lesion or the liver, but {why} speaks against it{_TAKEN_AS}"
        for why, keys in unclear.items()
    ]
    remarks += [
        f"{of_case}{len(keys)} mask(s) of {file} ({', '.join(keys)}) name no image and were "
        f"matched by their planes to series {volume_key}; look at them"
        for volume_key, keys in fitted.items()
    ]
    remarks += [
        f"{of_case}{len(keys)} mask(s) of {file} ({', '.join(keys)}) say that they lie in {doubt}: look whether they lie "
        "on what they mark; if so, pass --mask-table, else set taken_as to no there"
        for doubt, keys in doubtful.items()
    ]
    return remarks


_TAKEN_AS = "; if one is to be used, set taken_as in the mask table and pass --mask-table"


_CLOSE_THEM = (
    "close them where they were drawn and export the file again, or set taken_as to no in the mask table and pass "
    "--mask-table"
)


def _why_empty(drawing: Drawing) -> str:
    if not drawing.open_lines:
        return "the region is empty"
    return (
        f"it has {drawing.open_lines} contour(s), but they are open lines (OPEN_PLANAR) or of no known type, which enclose "
        "no region"
    )


def _near(file: MaskFile, volumes: Sequence[Volume]) -> list[Volume]:
    """List the volumes of a mask's study or, where that is not in the tree, of its patient."""
    same = [volume for volume in volumes if volume.series.patient_id == file.patient_id]
    return [volume for volume in same if volume.series.study == file.study] or (
        same if file.patient_id else []
    )


def _name_of(file: MaskFile, names: Mapping[StudyKey, Name]) -> Name | None:
    """Find the case of a mask: its study's, or the only one of its patient."""
    if (file.patient_id, file.study) in names:
        return names[file.patient_id, file.study]
    cases = [name for (patient_id, _), name in names.items() if patient_id and patient_id == file.patient_id]
    return cases[0] if len(cases) == 1 else None


def _owner(places: Places, index: Index, names: Mapping[StudyKey, Name]) -> Name | None:
    """Find the case of the volumes on which a mask lies."""
    for key in places.planes:
        if volume := index.by_key.get(key):
            return names.get((volume.series.patient_id, volume.series.study))
    return None


def _row(
    name: Name | None, file: MaskFile, drawing: Drawing, key: str, taken_as: str, places: Places
) -> MaskRow:
    return MaskRow(
        patient=name.patient if name else "",
        case=name.case if name else "",
        mask=key,
        file=file.modality,
        number=drawing.number,
        planes=len(drawing.planes),
        taken_as=taken_as,
        series=next(iter(places.planes)) if len(places.planes) == 1 else "",
        how=places.how if places.planes else "",
        problem=places.problem,
    )


def _mask_key(content: str, number: int) -> str:
    """Name a segment by a hash of its whole file; the leading letter keeps spreadsheets from reading a number."""
    return "m" + hashlib.sha256(f"{content}\n{number}".encode()).hexdigest()[:12]


def _title(kind: str, file: MaskFile, number: int, key: str) -> str:
    part = "segment" if file.modality == "SEG" else "region"
    return f"the {kind} mask {key} ({file.modality}, {part} {number})"


def _file(file: MaskFile) -> str:
    return "a SEG file" if file.modality == "SEG" else "an RTSTRUCT file"


def _of(case: str) -> str:
    return f"case {case}: " if case else ""
