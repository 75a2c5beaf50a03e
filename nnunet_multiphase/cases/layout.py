"""Say how a cohort's files are named: by patterns, as a user or a preset gives them, or by a set's own table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

FIELDS = ("case", "phase", "patient")


@dataclass(frozen=True)
class Index:
    """Name a table that a set brings along, one line for each phase of a case, and its columns."""

    file: str
    case: str
    phase: str
    image: str  # this and the next two hold paths below the cohort's folder
    lesions: str
    liver: str = ""


@dataclass(frozen=True)
class Layout:
    """Say how a cohort's files are named, or which table names them.

    Attributes:
        image: Pattern of a phase's path below the cohort's folder. {case} is the case, {phase} one of the names in
            `phase_names`, {patient} the patient; * is anything within one name. A path may be a folder of DICOM files.
            `#{phase}` at its end: the phases are the volumes of one 4D file, and `phase_names` holds their numbers.
        phase_names: How the files call a phase -> ours (nc, art, pv, dl).
        lesions: Pattern of a lesion mask; several files that match are united. With {phase}, it says on which phase
            the mask is drawn.
        liver: The same for the liver; empty: none.
        drawn_on: Our phase the masks are drawn on, where the patterns do not say it.
        lesion_labels: Labels that are lesion; None: all but 0.
        liver_labels: Labels that are liver (lesions are a part of it).
        further_labels: Labels of something else that may occur in a mask file.
        registered: The phases lie on one grid already; that is checked, and they are not moved.
        index: The set's own table; the patterns are not looked at then.
        above: Patterns of folders that may lie above all of these paths, as the set's archives bring them.
        unused: Patterns of folders that the set brings and nobody here needs; they are not looked into.
        case_start: How the set's cases begin, where its patterns alone would fit other sets: to recognise it by.
        versions_apart: Folders that a * above {case} matches are versions of the same masks, never to be united.
        distrust: Why the headers cannot be believed; such a cohort is refused unless the user insists.
    """

    image: str = ""
    phase_names: Mapping[str, str] = field(default_factory=dict)
    lesions: str = ""
    liver: str = ""
    drawn_on: str = ""
    lesion_labels: tuple[int, ...] | None = (1,)
    liver_labels: tuple[int, ...] | None = (1,)
    further_labels: tuple[int, ...] = ()
    registered: bool = False
    index: Index | None = None
    distrust: str = ""
    above: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    versions_apart: bool = False
    case_start: str = ""

    def __post_init__(self) -> None:
        """Write the files' names for phases in one form, as the paths they are looked for in."""
        names = {one_form(theirs): ours for theirs, ours in self.phase_names.items()}
        object.__setattr__(self, "phase_names", names)
        for what in ("image", "lesions", "liver"):
            # ./ and doubled slashes say nothing, and no path below the folder has them.
            tidy = re.sub(r"/(?:\./|/)+", "/", re.sub(r"^(?:\./+)+", "", getattr(self, what)))
            object.__setattr__(self, what, tidy.rstrip("/") or tidy)


CHANNEL = "#{phase}"
"""End of an image pattern whose file holds all phases, one volume each."""


def compile_pattern(
    pattern: str, phase_names: Mapping[str, str], cases: Sequence[str] = ()
) -> re.Pattern[str]:
    """Turn a pattern into a regular expression for a path with forward slashes.

    Args:
        pattern: See `Layout`.
        phase_names: What {phase} may be.
        cases: What {case} may be, the first that fits; empty: anything.

    >>> compile_pattern("{case}/{phase}.nii", {"a": "art"}).fullmatch("x/a.nii").groupdict()
    {'case': 'x', 'phase': 'a'}

    Raises:
        InputError: A field is unknown.
    """
    seen: set[str] = set()
    parts = []
    for piece in re.split(r"(\{[^{}]*\}|\*)", one_form(pattern)):
        name = piece[1:-1]
        if piece == "*":
            parts.append("[^/]*")
        elif not piece.startswith("{"):
            parts.append(re.escape(piece))
        elif name not in FIELDS:
            raise InputError(
                f"pattern {pattern!r}: {piece} is unknown, expected {{case}}, {{phase}}, {{patient}} or *"
            )
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            longest_first = sorted(map(re.escape, phase_names), key=len, reverse=True)
            choices = {"phase": longest_first, "case": [re.escape(case) for case in cases]}.get(name)
            parts.append(f"(?P<{name}>{'|'.join(choices) if choices else '[^/]+?'})")
    return re.compile("".join(parts))


def compile_within(layout: Layout, pattern: str, cases: Sequence[str] = ()) -> re.Pattern[str]:
    """Turn one of a layout's patterns into a regular expression, with the folders that may lie above it."""
    expression = compile_pattern(pattern, layout.phase_names, cases).pattern
    above = "|".join(compile_pattern(folders, {}).pattern for folders in layout.above)
    return re.compile(f"(?:(?:{above})/)?{expression}" if above else expression)


def check_layout(layout: Layout) -> None:
    """Refuse a layout that cannot work.

    Raises:
        InputError: {case} or {phase} is lacking where it is needed, or a phase is unknown.
    """
    for phase in (*layout.phase_names.values(), *filter(None, [layout.drawn_on])):
        if phase not in PHASES:
            raise InputError(f"unknown phase {phase}: the known ones are {', '.join(PHASES)}")
    if layout.index is not None:
        return
    for what, pattern in (("image", layout.image), ("lesions", layout.lesions), ("liver", layout.liver)):
        compile_pattern(pattern, layout.phase_names)
        _check_path(what, pattern)
        if pattern and "{case}" not in pattern:
            raise InputError(
                f"{what} pattern {pattern!r} has no {{case}}: expected one, such as {{case}}/{{phase}}.nii.gz"
            )
    if "{phase}" not in layout.image and len(layout.phase_names) != 1:
        raise InputError(
            f"image pattern {layout.image!r} has no {{phase}}: expected one where there are several phases"
        )
    if layout.image.endswith(CHANNEL):
        wrong = [theirs for theirs in layout.phase_names if not theirs.isdecimal()]
        if wrong or "{phase}" in layout.image.removesuffix(CHANNEL):
            raise InputError(
                f"image pattern {layout.image!r} takes the volumes of a 4D file: expected no other {{phase}} in it and, in "
                f"--phase-names, each phase's number in the file from 0, such as nc=0 art=1 pv=2 dl=3"
                + (f"; found {', '.join(wrong)}" if wrong else "")
            )
    for what, pattern in (("lesions", layout.lesions), ("liver", layout.liver)):
        if pattern and "{phase}" not in pattern and not layout.drawn_on:
            raise InputError(
                f"{what} pattern {pattern!r} has no {{phase}}: say on which phase it is drawn (--drawn-on)"
            )


def _check_path(what: str, pattern: str) -> None:
    """Refuse a pattern that no path below the cohort's folder can match."""
    if pattern.startswith(("/", "~")) or re.match(r"[A-Za-z]:", pattern):
        raise InputError(
            f"{what} pattern {pattern!r} is an absolute path: expected one below RAW, such as {{case}}/{{phase}}.nii.gz"
        )
    if "\\" in pattern:
        raise InputError(f"{what} pattern {pattern!r} has a backslash: expected / between folders")
    if ".." in pattern.split("/") or "**" in pattern:
        wrong = ".." if ".." in pattern.split("/") else "**"
        raise InputError(
            f"{what} pattern {pattern!r} has {wrong}: expected a path below RAW, in which * is anything within one name"
        )


def one_form(name: str) -> str:
    """Write letters with marks as one sign each: macOS and archives part them, and a case's files would not meet."""
    return unicodedata.normalize("NFC", name)
