"""`nnunet-multiphase setup` (and setup_dataset.py): raw phases of a cohort to a registered nnU-Net dataset."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nnunet_multiphase.cli.cohort import add_cohort, dataset_options
from nnunet_multiphase.cli.motion import add_registration_model
from nnunet_multiphase.cli.sigterm import sigterm_like_ctrl_c
from nnunet_multiphase.errors import FULL, InputError, printable, told_by_system

if TYPE_CHECKING:
    from nnunet_multiphase.dataset.build import DatasetSummary
    from nnunet_multiphase.dataset.options import DatasetOptions
    from nnunet_multiphase.dataset.plan import DatasetPlan

HELP = "register the phases of every case and write an nnU-Net dataset"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "raw", type=Path, metavar="RAW", help="folder with one folder per case (nc/art/pv/dl.nii.gz ...)"
    )
    parser.add_argument(
        "--dataset-id", type=int, required=True, metavar="N", help="nnU-Net's dataset number, such as 501"
    )
    parser.add_argument("--name", required=True, help="nnU-Net's dataset name, such as MultiPhaseLiver")
    add_cohort(parser)
    add_registration_model(parser, "rigid", "rigid")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit status 1 also where the registration of a phase failed; the dataset is made all the same",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be done and every problem; write nothing"
    )
    parser.add_argument(
        "--dask-scheduler", metavar="ADDRESS", help="work on a Dask cluster, such as tcp://host:8786"
    )
    parser.add_argument("--folds", type=int, default=5, help="cross-validation folds (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the registrations (default 0)")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="cases at a time; the result is the same (default 1)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a dataset of the same number and name"
    )


def run(args: argparse.Namespace) -> int:
    """Build the dataset: 0 = all cases are in, 1 = some failed (see --strict) and are listed, 2 = no dataset."""
    from nnunet_multiphase.alignment.named_registration import how_to_register
    from nnunet_multiphase.dataset.build import build_dataset, check_jobs
    from nnunet_multiphase.errors import CohortError

    options = dataset_options(args, folds=args.folds, seed=args.seed)
    check_jobs(args.jobs)
    if args.dry_run:
        return _dry_run(args, options)
    try:
        with sigterm_like_ctrl_c():
            summary = build_dataset(
                args.raw,
                args.dataset_id,
                args.name,
                options,
                jobs=args.jobs,
                dask_scheduler=args.dask_scheduler,
                overwrite=args.overwrite,
                **how_to_register(args.registration_model),
                progress=True,
                finish=write_page,
            )
    except CohortError as error:
        for problem in error.problems:
            print(f"error: {printable(problem)}", file=sys.stderr)
        print(f"{len(error.problems)} problem(s), no dataset was written", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"error: {told_by_system(error)}; no dataset was written, and the same command goes on where this one stopped",
            file=sys.stderr,
        )
        return 2
    _tell(summary, args.dataset_id)
    if args.strict and summary.failed_verdicts:
        print(
            f"--strict: the registration failed of {', '.join(summary.failed_verdicts)}; the dataset was made all the same",
            file=sys.stderr,
        )
    return 1 if summary.failures or (args.strict and summary.failed_verdicts) else 0


def _tell(summary: DatasetSummary, dataset_id: int) -> None:
    """Say what became of the cases, and what to type next."""
    for warning in summary.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)
    for failure in summary.failures:
        print(f"error: {printable(failure)}", file=sys.stderr)
    print(
        f"{summary.folder}: {len(summary.train)} training and {len(summary.test)} test cases, {summary.folds} folds"
    )
    if summary.skipped:
        print(f"left out for a missing phase: {', '.join(summary.skipped)}")
    if summary.without_mask:
        print(
            f"left out for want of a lesion mask: {len(summary.without_mask)} case(s), {', '.join(summary.without_mask)}"
        )
    if summary.filled:
        print("filled with air: " + ", ".join(f"{case} {'+'.join(p)}" for case, p in summary.filled.items()))
    if summary.failures:
        print(
            f"failed and not in the dataset: {len(summary.failures)} case(s), see above and quality.csv",
            file=sys.stderr,
        )
    page = summary.folder / "cohort.html"
    print(f"look at {page if page.is_file() else summary.folder / 'registration' / 'overview'}, then type")
    print(
        f"  nnUNetv2_plan_and_preprocess -d {dataset_id} -pl MultiPhaseSCAMPlanner --verify_dataset_integrity"
    )


def write_page(dataset_folder: Path) -> Path | None:
    """Write the cohort's page; what stands in its way, but for a full disk, is said, and costs nothing but the page."""
    from nnunet_multiphase.report.cohort_page import write_cohort_page

    try:
        return write_cohort_page(dataset_folder)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise  # the dataset is not in its place yet, and goes there when there is room
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"warning: cohort.html was not written ({reason}); the dataset is complete", file=sys.stderr)
        return None


def _dry_run(args: argparse.Namespace, options: DatasetOptions) -> int:
    """Say what would become of every case: 0 = it can be done, 2 = there are problems."""
    from nnunet_multiphase.dataset.build import threads_of_a_worker
    from nnunet_multiphase.dataset.destination import choose_destination, refuse_entangled
    from nnunet_multiphase.dataset.earlier_models import told_of_earlier_models
    from nnunet_multiphase.dataset.plan import plan_dataset
    from nnunet_multiphase.dataset.workers import dask_workers, local_workers

    problems, destination = [], None
    try:
        destination = choose_destination(args.dataset_id, args.name, overwrite=args.overwrite)
        refuse_entangled(Path(args.raw), destination, case_folders=options.inputs.case_folders)
    except InputError as error:
        problems.append(str(error))
    workers = (
        dask_workers(args.dask_scheduler)
        if args.dask_scheduler
        else local_workers(args.jobs, threads_of_a_worker(args.jobs))
    )
    with workers as work:
        plan = plan_dataset(
            Path(os.path.abspath(args.raw)),  # workers elsewhere have another current folder
            work,
            options,
            progress=True,
        )
    problems += plan.problems
    _list_cases(plan)
    for report in plan.reports:
        for warning in report.warnings:
            print(f"warning: {printable(warning)}", file=sys.stderr)
    models = [] if destination is None else told_of_earlier_models(destination, plan, options.targets)
    for note in (*plan.found.notes, *models):
        print(f"warning: {printable(note)}", file=sys.stderr)
    if plan.found.ignored:
        print(
            f"ignored: {', '.join(plan.found.ignored[:20])}"
            + (" ..." if len(plan.found.ignored) > 20 else "")
        )
    for problem in problems:
        print(f"error: {printable(problem)}", file=sys.stderr)
    print(
        f"{len(plan.cases)} cases, {len(plan.test_patients)} patients for testing, {len(problems)} problem(s); "
        "nothing was written (* reference, () missing)"
    )
    return 2 if problems else 0


def _list_cases(plan: DatasetPlan) -> None:
    """Print a line for each case: what is used of it, or why it is left out."""
    for case in plan.cases:
        phases = [
            f"{phase}*" if phase == case.reference else phase if phase in case.images else f"({phase})"
            for phase in plan.channels
        ]
        masks = [] if case.lesions is None else [case.lesions.names]
        masks += [f"{files.names} (brought from {phase})" for phase, files in case.moving_lesions.items()]
        liver = "" if case.liver is None else f"; liver {case.liver.names}"
        print(
            f"{case.name}: patient {case.patient}, {plan.split(case)}, {' '.join(phases)}; lesions {', '.join(masks)}{liver}"
        )
    for case in plan.skipped:
        print(f"{case.name}: left out, lacks {', '.join(p for p in plan.channels if p not in case.images)}")
    for case in plan.without_mask:
        print(f"{case.name}: left out, has no lesion mask")
