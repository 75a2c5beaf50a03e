"""Find masks that two cases share, as a path that was copied into the next line: one of them has another's lesions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import CaseReport
from nnunet_multiphase.errors import first_of
from nnunet_multiphase.volumes.mask_file import MaskFiles


def find_shared_files(cases: Sequence[CaseFolder], reports: Sequence[CaseReport]) -> list[str]:
    """Find mask files that two cases name. Empty masks, and cases of one and the same volume, may share theirs.

    Args:
        cases: Of the whole cohort.
        reports: Theirs, in the same order.

    Returns:
        A sentence for each file that is named again.
    """
    first: dict[Path, CaseReport] = {}
    problems = []
    for case, report in zip(cases, reports, strict=True):
        for what, files in _masks(case):
            if what in report.parts and what not in report.masks:
                continue
            for path in files.paths:
                other = first.setdefault(path.resolve(), report)
                if other.case != report.case and not _share_a_volume(other, report):
                    problems.append(
                        f"case {report.case}: its mask of the {what} is {path}, which is case {other.case}'s too: a mask is "
                        "drawn on one case's volume; name each case's own"
                    )
    return problems


def find_equal_masks(reports: Sequence[CaseReport]) -> list[str]:
    """Find masks in two files, of two cases, that are the same in every voxel: nobody draws one twice.

    Args:
        reports: Of the whole cohort.

    Returns:
        A sentence for each mask that several cases have; empty masks are none.
    """
    same: dict[str, list[tuple[CaseReport, str]]] = {}
    for report in reports:
        for what, digest in report.masks.items():
            same.setdefault(digest, []).append((report, what))
    notes = []
    for (first, what), *others in same.values():
        alike = [(report, kind) for report, kind in others if report.case != first.case]
        alike = [(report, kind) for report, kind in alike if not _share_a_volume(first, report)]
        if alike:
            shown = first_of([f"{report.case} ({kind})" for report, kind in alike], 6)
            notes.append(
                f"case {first.case} ({what}) has the same mask, voxel by voxel, as {shown}: see whether one file was "
                "copied for the others"
            )
    return notes


def _masks(case: CaseFolder) -> Iterator[tuple[str, MaskFiles]]:
    """Give the masks of a case by what its report calls them."""
    named = [("lesions", case.reference, case.lesions), ("liver", case.reference, case.liver)]
    named += [("lesions", phase, files) for phase, files in case.moving_lesions.items()]
    for kind, phase, files in named:
        if files is not None:
            yield f"{kind} on {phase}", files


def _share_a_volume(one: CaseReport, other: CaseReport) -> bool:
    """Tell whether two cases hold one volume; of two patients that is refused already, of one it takes the same mask."""
    return not set(one.voxels.values()).isdisjoint(other.voxels.values())
