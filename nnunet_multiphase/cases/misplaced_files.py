"""Name phases and masks that lie some folders too deep or too high for a layout, or still in an archive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from nnunet_multiphase.cases.case_files import CaseFiles, Listing
from nnunet_multiphase.cases.layout import CHANNEL, Layout, compile_within

_ARCHIVE = re.compile(r"\.(?:zip|7z|rar|tar|tgz|tar\.(?:gz|bz2|xz))$", re.IGNORECASE)


def find_misplaced(raw: Path, layout: Layout, listing: Listing) -> tuple[list[str], set[str]]:
    """Find what a case without any image, or without any mask, has at another depth of folders.

    Args:
        raw: The cohort's folder.
        layout: The patterns.
        listing: What they find there.

    Returns:
        A sentence for each folder that the patterns do not name, and the cases whose images are in one.
    """
    kinds = {"images": layout.image.removesuffix(CHANNEL), "lesions": layout.lesions, "liver": layout.liver}
    expressions = {what: compile_within(layout, pattern) for what, pattern in kinds.items() if pattern}
    found = listing.found
    others = (*listing.unmatched, *listing.folders)
    deep: dict[tuple[str, str], list[str]] = {}  # what is in which folder too many -> paths
    cases: set[str] = set()
    names = {name for _, name in found}
    any_images = any(case.images for case in found.values())
    for relative in others:
        for what, expression in expressions.items():
            hit = _hit(relative, expression, names)
            if hit is None:
                continue
            match, dropped = hit
            owners = [case for (_, name), case in found.items() if name == match["case"]]
            # A case of which nothing is where it should be may have been put aside, where others are.
            if any(_has(case, what) for case in owners) or (any_images and not owners):
                continue
            deep.setdefault((what, dropped), []).append(relative)
            if what == "images":
                cases.add(match["case"])
            break
    several = len({dropped for _, dropped in deep}) > 1
    problems = [
        _told_deep(raw, dropped, paths, kinds[what], alone=not found and not several)
        for (what, dropped), paths in deep.items()
    ]
    if (
        not found
        and not deep
        and any(
            expression.fullmatch(f"{raw.resolve().name}/{relative}")
            for relative in others
            for expression in expressions.values()
        )
    ):
        problems.append(
            f"{raw}: what {kinds['images']} matches lies in it; give the folder above, {raw.resolve().parent}"
        )
    return problems + _archives(raw, listing.unmatched, layout, kinds.values()), cases


def _hit(relative: str, expression: re.Pattern[str], names: set[str]) -> tuple[re.Match[str], str] | None:
    """Match a path without some of its folders, rather as a case that is known, and give these folders."""
    hits = [(m, dropped) for inner, dropped in _shortened(relative) if (m := expression.fullmatch(inner))]
    return min(hits, key=lambda hit: hit[0]["case"] not in names, default=None)


def _has(case: CaseFiles, what: str) -> bool:
    return bool({"images": case.images, "lesions": case.lesions, "liver": case.livers}[what])


def _told_deep(raw: Path, dropped: str, paths: Sequence[str], pattern: str, *, alone: bool) -> str:
    more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    if alone and paths[0].startswith(f"{dropped}/"):
        mend = f"give {raw / dropped} as RAW, or move what is in it up"
    else:
        mend = f"move what is in {dropped} up, or remove it"
    return f"{raw / paths[0]}{more} would match {pattern}, but for the folder {dropped}: {mend}"


def _shortened(relative: str) -> Iterator[tuple[str, str]]:
    """Give a path without some of its folders, one after the other, and those; the fewest first."""
    parts = relative.split("/")
    for length in range(1, len(parts)):
        for start in range(len(parts) - length):
            dropped = parts[start : start + length]
            yield "/".join([*parts[:start], *parts[start + length :]]), "/".join(dropped)


def _archives(raw: Path, unmatched: Sequence[str], layout: Layout, patterns: Iterable[str]) -> list[str]:
    """Name the archives of folders that a pattern names and that are not there."""
    expressions = {
        folder: re.compile(compile_within(layout, folder).pattern, re.IGNORECASE)
        for pattern in patterns
        for folder in _named_folders(pattern)
    }
    problems = []
    for relative in unmatched:
        inner = _ARCHIVE.sub("", relative)
        if inner == relative or (raw / inner).is_dir():
            continue
        pattern = next((p for p, expression in expressions.items() if expression.fullmatch(inner)), None)
        if pattern is not None:
            problems.append(
                f"{raw / relative} would match {pattern} if it were unpacked: unpack it, or remove it"
            )
    return problems


def _named_folders(pattern: str) -> Iterator[str]:
    """Give the folders of a pattern that have a word of their own, which archives may be called after too."""
    path = PurePosixPath(pattern)
    for folder in (path, *path.parents):
        words = re.sub(r"\{[^{}]*\}", "", folder.name)
        if re.search(r"[^\W\d_]", words) and (folder == path or "*" not in words):
            yield folder.as_posix()
