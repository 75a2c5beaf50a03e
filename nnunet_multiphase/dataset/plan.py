"""Plan an nnU-Net dataset of a raw cohort: find the cases, check them all, split them; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import CaseReport, check_case, find_copies
from nnunet_multiphase.cases.inputs import Found, find_cases
from nnunet_multiphase.cases.near_miss import liver_below
from nnunet_multiphase.cases.shared_masks import find_equal_masks, find_shared_files
from nnunet_multiphase.dataset.options import DatasetOptions
from nnunet_multiphase.dataset.progress import in_order
from nnunet_multiphase.dataset.split import choose_test_patients
from nnunet_multiphase.dataset.workers import Run


@dataclass(frozen=True)
class DatasetPlan:
    """What `build_dataset` would do, and all that speaks against it; nothing has been written."""

    channels: tuple[str, ...]
    found: Found
    cases: tuple[CaseFolder, ...]  # to convert
    skipped: tuple[CaseFolder, ...]  # left out for a missing phase
    without_mask: tuple[CaseFolder, ...]  # left out for want of a lesion mask
    reports: tuple[CaseReport, ...]  # of `cases`
    problems: tuple[str, ...]
    test_patients: frozenset[str]

    def split(self, case: CaseFolder) -> str:
        """Name the split of a case."""
        return "test" if case.patient in self.test_patients else "train"


def plan_dataset(
    raw: Path,
    run: Run,
    options: DatasetOptions,
    *,
    progress: bool = False,
) -> DatasetPlan:
    """Find and check all cases of a cohort, and split them.

    Args:
        raw: Folder of the cohort.
        run: Where cases are checked.
        options: What the dataset is to be.
        progress: Show a progress bar on stderr.

    Returns:
        What would be converted, and all that speaks against it.
    """
    channels = options.channels
    found = find_cases(Path(raw), options.inputs)
    without_mask = tuple(case for case in found.cases if not case.has_lesion_mask)
    drawn = [case for case in found.cases if case.has_lesion_mask]
    complete, skipped, more_problems = _handle_missing(drawn, channels, options.missing)
    problems = [*found.problems, *_told_of_never_there(Path(raw), drawn, channels), *more_problems]
    if options.targets.liver:
        problems += [_no_liver(case) for case in complete if case.liver is None]
    reports = in_order(
        run(partial(check_case, accept=options.accept), complete), len(complete), "checking", show=progress
    )
    problems += [problem for report in reports for problem in report.problems]
    problems += find_copies(reports)
    shared = find_shared_files(complete, reports)
    problems += shared
    if not shared:  # else said already
        found = replace(found, notes=[*found.notes, *find_equal_masks(reports)])
    if not problems and not complete:
        problems.append(
            f"{raw}: every case lacks a phase of {', '.join(channels)}; use --missing fill or --phases"
            if drawn
            else f"{raw}: no case has a lesion mask, so there is nothing to train on; draw them"
        )
    if not problems and not any(report.lesion_voxels for report in reports):
        problems.append(
            f"{raw}: no mask of the {len(reports)} cases holds a lesion: expected some to learn from; see whether "
            "--lesion-labels names the labels in the files"
        )
    test_patients = choose_test_patients(
        [case.patient for case in complete], test_fraction=options.test_fraction, seed=options.seed
    )
    return DatasetPlan(
        channels,
        found,
        tuple(complete),
        tuple(skipped),
        without_mask,
        tuple(reports),
        tuple(problems),
        frozenset(test_patients),
    )


def _handle_missing(
    cases: Sequence[CaseFolder], channels: tuple[str, ...], missing: str
) -> tuple[list[CaseFolder], list[CaseFolder], list[str]]:
    """Sort the cases into those to convert and those to leave out, and say what forbids both."""
    used: list[CaseFolder] = []
    skipped: list[CaseFolder] = []
    problems: list[str] = []
    never = _never_there(cases, channels)  # said once, for all
    channels = tuple(phase for phase in channels if phase not in never)
    for case in cases:
        case = replace(case, images={phase: case.images[phase] for phase in channels if phase in case.images})
        absent = [phase for phase in channels if phase not in case.images]
        if absent and missing == "skip":
            skipped.append(case)
            continue
        unchosen = [phase for phase in (case.reference, *case.moving_lesions) if phase not in channels]
        if unchosen:
            why = "the reference" if unchosen[0] == case.reference else "what lesions are drawn on"
            problems.append(
                f"case {case.name}: {unchosen[0]} is {why}, and none of the chosen phases {', '.join(channels)}; "
                f"add {unchosen[0]} to --phases or remove the case"
            )
            continue
        if absent and missing == "error":
            own_folder = all(path.parent == case.path for path in case.images.values())
            files = ", ".join(f"{phase}.nii.gz" if own_folder else phase for phase in absent)
            problems.append(
                f"case {case.name}: {case.path} lacks {files}; add the file(s), or pass --missing skip (leave the case out) "
                "or --missing fill (air in that channel)"
            )
        elif len(case.images) < min(2, len(channels)):
            problems.append(
                f"case {case.name}: {case.path} has only the phase {case.reference}: expected at least two; "
                "add one or remove the case"
            )
        # Its files are checked all the same, so that one run shows everything.
        used.append(case)
    return used, skipped, problems


def _never_there(cases: Sequence[CaseFolder], channels: tuple[str, ...]) -> list[str]:
    """List the chosen phases that none of several cases has; none where less than two phases would be left."""
    lacking = [phase for phase in channels if all(phase not in case.images for case in cases)]
    return lacking if len(cases) > 1 and len(channels) - len(lacking) > 1 else []


def _told_of_never_there(raw: Path, cases: Sequence[CaseFolder], channels: tuple[str, ...]) -> list[str]:
    """Say that no case has one of the phases: its channel would be air in all of them, or no case complete."""
    never = _never_there(cases, channels)
    if not never:
        return []
    return [
        f"{raw}: no case has {' or '.join(never)}, so that nothing can be learned from "
        f"{'its channel' if len(never) == 1 else 'their channels'}: pass --phases "
        f"{' '.join(phase for phase in channels if phase not in never)}, or add the files"
    ]


def _no_liver(case: CaseFolder) -> str:
    """Say that a case has no liver mask where the liver is to be found."""
    own_folder = all(path.parent == case.path for path in case.images.values())
    found = f"found {case.unused_liver} on another phase" if case.unused_liver is not None else "found none"
    if own_folder and case.unused_liver is None and (below := liver_below(case.path)):
        return (
            f"case {case.name}: --labels liver lesion needs liver_{case.reference}.nii.gz, found {below}: if that liver was "
            f"drawn on {case.reference}, the reference, move it up under that name"
        )
    wanted = f"liver_{case.reference}.nii.gz" if own_folder else f"a liver mask on {case.reference}"
    return (
        f"case {case.name}: --labels liver lesion needs {wanted}, the reference, {found}; draw it, say which labels of the "
        "masks are liver with --liver-labels, or remove the case"
    )
