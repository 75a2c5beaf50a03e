"""Name the files and folders that a detail of their names alone keeps from being a phase or mask of a layout.

A mask may be in several files, which are united: a case that has one may still lack another, and nothing later shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nnunet_multiphase.cases.case_files import CaseFiles, CaseKey, Listing
from nnunet_multiphase.cases.layout import CHANNEL, Layout, compile_within, one_form
from nnunet_multiphase.cases.near_miss import is_second_half, likeness
from nnunet_multiphase.volumes.volume_file import FORMATS, volume_stem

_COPY = re.compile(
    r"^cop(?:y|ie|ia) (?:of|de|di) |^kopie von "
    r"|(?: ?\(\d+\)| - (?:copy|kopie|copie|copia|kopia)(?: \(\d+\))?| copy(?: \d+)?)(?=\.|$)",
    re.IGNORECASE,
)
"""What file managers and browsers add to a name that is taken."""

_OTHER_ENDINGS = (
    "gz",
    "zip",
    "7z",
    "rar",
    "tar",
    "xz",
    "bz2",
    "part",
    "tmp",
    "bak",
    "crdownload",
    "download",
)
_ENDINGS = re.compile(
    rf"(?:\.(?:{'|'.join(_OTHER_ENDINGS)})|{'|'.join(map(re.escape, FORMATS))})+$", re.IGNORECASE
)


@dataclass(frozen=True)
class _Kind:
    """What one pattern of a layout looks for, and the names that are nearly right."""

    what: str  # image, lesions, liver
    pattern: str
    nearly: re.Pattern[str]  # in any volume format and letter case
    telling: bool  # its words, not its ending alone, tell its files from others


@dataclass(frozen=True)
class _Match:
    """A path that nearly matches: whose, of which phase, and what is wrong with its name.

    `copied` tells one with a copy's sign or a second ending, `copy_sign` the first of these.
    """

    path: str
    kind: _Kind
    case: str
    phase: str
    owners: tuple[CaseFiles, ...]
    copied: bool
    copy_sign: bool


def find_look_alikes(raw: Path, layout: Layout, listing: Listing) -> list[str]:
    """Name what looks like a phase or mask that a case lacks, and is not taken for it.

    Args:
        raw: The cohort's folder.
        layout: The patterns.
        listing: What they find there.

    Returns:
        A sentence for each; a copy or other format of an image that is used is none.
    """
    problems = []
    for match in _nearly_matching(raw, layout, listing):
        what = {
            "image": f"its {match.phase}",
            "lesions": "a lesion mask of it",
            "liver": "a liver mask of it",
        }
        if match.copied:
            why = "a copy's or a second ending in its name; rename it, or remove it"
        elif _ending(match.kind.pattern):
            why = "its format or letter case; rename or convert it, put * for the ending of a --pattern, or remove it"
        else:
            why = "its letter case; rename it, or remove it"
        problems.append(
            f"case {match.case}: {raw / match.path} would be {what[match.kind.what]} by the pattern {match.kind.pattern} "
            f"but for {why}"
        )
    return problems + _tumour_folders(raw, layout, listing)


def find_copied_masks(raw: Path, found: Mapping[CaseKey, CaseFiles]) -> list[str]:
    """Name the masks that would be united with a copy of themselves, or with themselves in another format, by the names."""
    problems = []
    for (_, name), case in sorted(found.items()):
        for what, paths in case.masks():
            there = set(paths)
            stems: dict[str, Path] = {}
            for path in paths:
                first = raw.joinpath(*map(_without_copy, path.relative_to(raw).parts))
                how = f"is named as a copy of {first}" if first != path and first in there else ""
                twin = stems.setdefault(_stem(path.as_posix()), path)
                if twin != path and not is_second_half(path):
                    how = f"is {twin} in another format by its name"
                if how:
                    problems.append(
                        f"case {name}: {path} {how}, and both match as masks of the {what}, which would be united; "
                        "remove one, or rename them if each holds something of its own"
                    )
    return problems


def find_versions(raw: Path, layout: Layout, found: Mapping[CaseKey, CaseFiles]) -> list[str]:
    """Name the cases whose masks lie in two versions of a folder, where the layout knows that they are none to unite."""
    problems = []
    levels = {
        what: next((i for i, part in enumerate(pattern.split("/")) if "{case}" in part), 0)
        for what, pattern in (("lesions", layout.lesions), ("liver", layout.liver))
    }
    for (_, name), case in sorted(found.items()) if layout.versions_apart else ():
        for what in ("lesions", "liver"):
            paths = [p.relative_to(raw) for kind, drawn in case.masks() if kind == what for p in drawn]
            places = sorted({Path(*path.parts[: levels[what]]).as_posix() for path in paths})
            if len(places) > 1:
                problems.append(
                    f"case {name}: {' and '.join(places)} in {raw} both hold its masks of the {what}, and look like two "
                    "versions of the same; remove one of these folders"
                )
    return problems


def _nearly_matching(raw: Path, layout: Layout, listing: Listing) -> Iterator[_Match]:
    """Give the paths that nearly match a pattern and are of use."""
    kinds = _kinds(layout)
    theirs = {name.casefold(): phase for name, phase in layout.phase_names.items()}
    for relative in (*listing.unmatched, *listing.folders):
        if is_second_half(raw / relative):
            continue
        plain = _plain_name(relative)
        # Masks first, as a loose pattern of images matches them too.
        for kind in kinds:
            as_it_is = kind.nearly.fullmatch(relative)
            hit = as_it_is or kind.nearly.fullmatch(plain)
            if hit is None:
                continue
            groups = hit.groupdict()
            phase = layout.drawn_on if kind.what != "image" else next(iter(theirs.values()))
            if "phase" in groups:
                phase = theirs[groups["phase"].casefold()]
            owners = tuple(
                files
                for (patient, case), files in listing.found.items()
                if case.casefold() == groups["case"].casefold()
                and groups.get("patient", patient).casefold() == patient.casefold()
            )
            copy_sign = "/".join(map(_without_copy, relative.split("/"))) != relative
            match = _Match(relative, kind, groups["case"], phase, owners, as_it_is is None, copy_sign)
            if _is_lacking(raw, match, plain):
                yield match
            break


def _is_lacking(raw: Path, match: _Match, plain: str) -> bool:
    """Tell whether a case may lack what a path nearly is."""
    name = PurePosixPath(match.path).name
    if not match.owners:
        if not _ending(match.kind.pattern):
            return (raw / match.path).is_dir()
        # An archive or note may lie beside the cases under any name.
        return any(ending in name.lower() for ending in FORMATS)
    if match.kind.what == "image":
        return any(match.phase not in case.images for case in match.owners)
    masks = [case.lesions if match.kind.what == "lesions" else case.livers for case in match.owners]
    used = [path for by_phase in masks for paths in by_phase.values() for path in paths]
    twins = [path for path in used if _stem(one_form(path.relative_to(raw).as_posix())) == _stem(plain)]
    if twins:  # the same mask in another format, or a backup; a copy may have been drawn on
        return match.copied and match.copy_sign and volume_stem(Path(name)) is not None
    if any(match.phase not in by_phase for by_phase in masks):
        return True
    like = likeness(_stem(PurePosixPath(plain).name), match.case)
    of_lesions = like is not None and like.kind in ("lesions", "mask")
    return (
        match.kind.telling or of_lesions or _ending(match.path).lower() == _ending(match.kind.pattern).lower()
    )


def _tumour_folders(raw: Path, layout: Layout, listing: Listing) -> list[str]:
    """Name the folders beside those of lesion masks that are called after a tumour in other words."""
    if _ending(layout.lesions) or not layout.lesions or layout.lesions == layout.image:
        return []
    where, _, _ = layout.lesions.rpartition("/")
    of_folders = any(path.is_dir() for case in listing.found.values() for path in case.images.values())
    if "{case}" not in where or not of_folders:
        return []
    beside, nearly = compile_within(layout, where), _kinds(layout)[0].nearly
    problems = []
    names = {case for _, case in listing.found}
    for relative in listing.folders:
        parent, _, name = relative.rpartition("/")
        match = beside.fullmatch(parent)
        if match is None or match["case"] not in names or nearly.fullmatch(_plain_name(relative)):
            continue
        like = likeness(name, match["case"])
        if like is not None and like.kind == "lesions":
            problems.append(
                f"case {match['case']}: the folder {raw / relative} seems to hold a lesion, and does not match "
                f"{layout.lesions}; rename it so that it does, or remove it"
            )
    return problems


def _kinds(layout: Layout) -> list[_Kind]:
    """Loosen the layout's patterns, masks first."""
    patterns = {"lesions": layout.lesions, "liver": layout.liver, "image": layout.image.removesuffix(CHANNEL)}
    return [
        _Kind(what, pattern, _loosened(layout, pattern), _is_telling(pattern))
        for what, pattern in patterns.items()
        if pattern
    ]


def _is_telling(pattern: str) -> bool:
    """Tell whether a pattern has words of its own."""
    stem = pattern[: len(pattern) - len(_ending(pattern))]
    return re.search(r"[^\W\d_]", re.sub(r"\{[^{}]*\}", "", stem)) is not None


def _loosened(layout: Layout, pattern: str) -> re.Pattern[str]:
    """Make a pattern that matches in any volume format and letter case."""
    ending = _ending(pattern)
    expression = compile_within(layout, pattern[: len(pattern) - len(ending)]).pattern
    formats = f"(?:{'|'.join(map(re.escape, FORMATS))})" if ending else ""
    return re.compile(expression + formats, re.IGNORECASE)


def _plain_name(relative: str) -> str:
    """Write a path without copies' signs, and with .nii.gz for one or more endings of volumes, archives or backups.

    >>> _plain_name("P1 (1)/art (2).nii.gz.gz")
    'P1/art.nii.gz'
    """
    *folders, name = map(_without_copy, relative.split("/"))
    return "/".join([*folders, _ENDINGS.sub(".nii.gz", name)])


def _without_copy(name: str) -> str:
    return _COPY.sub("", name) or name


def _stem(relative: str) -> str:
    return _ENDINGS.sub("", relative)


def _ending(name: str) -> str:
    """Give the ending of a volume format that a name or pattern has, as it is written."""
    return next((name[len(name) - len(e) :] for e in FORMATS if name.lower().endswith(e)), "")
