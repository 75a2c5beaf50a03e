"""`nnunet-multiphase setup` (and setup_dataset.py): raw phases of a cohort to a registered nnU-Net dataset."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunet_multiphase.cli.accept import add_accept
from nnunet_multiphase.cli.motion import add_registration_model
from nnunet_multiphase.cli.sigterm import sigterm_like_ctrl_c
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import ON_FAILURE, PHASES, SEVERAL

if TYPE_CHECKING:
    from nnunet_multiphase.data.inputs import Inputs
    from nnunet_multiphase.data.target_classes import TargetClasses

HELP = "register the phases of every case and write an nnU-Net dataset"


class _ListPresets(argparse.Action):
    """Name the presets and stop, whatever else is required."""

    def __init__(self, option_strings: list[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from nnunet_multiphase.data.presets import PRESETS

        for name, layout in PRESETS.items():
            where = layout.image if layout.index is None else f"as {layout.index.file} says"
            print(f"{name:18} {where}" + (" (registered)" if layout.registered else ""))
            if layout.distrust:
                print(f"{'':18} needs --trust-headers: {layout.distrust}")
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "raw", type=Path, metavar="RAW", help="folder with one folder per case (nc/art/pv/dl.nii.gz ...)"
    )
    parser.add_argument(
        "--dataset-id", type=int, required=True, metavar="N", help="nnU-Net's dataset number, such as 501"
    )
    parser.add_argument("--name", required=True, help="nnU-Net's dataset name, such as MultiPhaseLiver")
    parser.add_argument(
        "--missing",
        choices=("error", "skip", "fill"),
        default="error",
        help="a case without one of the phases: stop (default), leave it out, or fill its channel with air",
    )
    parser.add_argument(
        "--phases",
        nargs="+",
        choices=PHASES,
        default=None,
        help="phases that become channels (default: all that the form of the data knows)",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        choices=("liver", "lesion"),
        default=["lesion"],
        help="what the network is to find: lesion (default), or liver lesion, which needs a liver mask on every reference",
    )
    parser.add_argument(
        "--regions",
        action="store_true",
        help="with --labels liver lesion: train on whole liver and lesion, which overlap, instead of on two classes",
    )
    form = parser.add_argument_group("form of the data (default: a folder for each case, see docs/data.md)")
    form.add_argument("--preset", metavar="NAME", help="a public set's layout, see --list-presets")
    form.add_argument("--list-presets", action=_ListPresets, help="name the presets and stop")
    form.add_argument(
        "--pattern",
        metavar="P",
        help="path of a phase below RAW, such as '{case}/{phase}_scan.nii.gz'; * is anything within a name",
    )
    form.add_argument(
        "--phase-names",
        nargs="+",
        metavar="PHASE=NAME",
        help="how the files call a phase, such as nc=0 art=1 pv=2 dl=3 (default: nc art pv dl)",
    )
    form.add_argument(
        "--lesions", metavar="P", help="path of the lesion mask(s), such as '{case}/{phase}_seg.nii.gz'"
    )
    form.add_argument("--liver", metavar="P", help="path of the liver mask")
    form.add_argument(
        "--drawn-on", choices=PHASES, help="phase of the masks, where their paths do not say it"
    )
    form.add_argument(
        "--lesion-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels of the masks that are lesion (default: 1)",
    )
    form.add_argument(
        "--liver-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels that are liver (default: 1); without a liver mask of its own, in the lesions' file",
    )
    form.add_argument(
        "--other-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels of something else that may occur in masks",
    )
    form.add_argument(
        "--registered", action="store_true", help="the phases are aligned already: check that, move nothing"
    )
    form.add_argument("--table", type=Path, metavar="CSV", help="a table of cases, paths relative to RAW")
    form.add_argument(
        "--trust-headers", action="store_true", help="use a preset whose headers are known to be wrong"
    )
    parser.add_argument(
        "--reference",
        choices=PHASES,
        help="phase that all others, and the masks, are brought to (default: the masks' phase)",
    )
    parser.add_argument(
        "--several-masks",
        choices=SEVERAL,
        default="error",
        help="lesion masks on several phases of a case: stop (default), unite them once registered, or use the "
        "reference's alone",
    )
    parser.add_argument(
        "--on-failure",
        choices=ON_FAILURE,
        default="check",
        help="a phase whose registration failed: keep it and say so (default), fill it with air, leave the case out, "
        "or take the headers' position",
    )
    add_registration_model(parser, "rigid", "rigid")
    parser.add_argument(
        "--no-mask",
        choices=("error", "skip"),
        default="error",
        help="a case without a lesion mask: stop (default), or leave it out",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit status 1 also where the registration of a phase failed; the dataset is made all the same",
    )
    add_accept(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be done and every problem; write nothing"
    )
    parser.add_argument(
        "--dask-scheduler", metavar="ADDRESS", help="work on a Dask cluster, such as tcp://host:8786"
    )
    parser.add_argument(
        "--test-fraction", type=float, default=0.2, help="share of patients for imagesTs (default 0.2)"
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
    from nnunet_multiphase.data.case_folder import CohortError
    from nnunet_multiphase.data.dataset import build_dataset
    from nnunet_multiphase.data.target_classes import target_classes
    from registration import RegistrationSettings

    inputs, targets = _inputs(args), target_classes(args.labels, regions=args.regions)
    if args.dry_run:
        return _dry_run(args, inputs, targets)
    try:
        with sigterm_like_ctrl_c():
            summary = build_dataset(
                args.raw,
                args.dataset_id,
                args.name,
                inputs=inputs,
                missing=args.missing,
                on_failure=args.on_failure,
                phases=args.phases,
                targets=targets,
                test_fraction=args.test_fraction,
                folds=args.folds,
                seed=args.seed,
                jobs=args.jobs,
                dask_scheduler=args.dask_scheduler,
                overwrite=args.overwrite,
                settings=RegistrationSettings(model=args.registration_model),
                accept=args.accept,
                progress=True,
            )
            page = write_page(summary.folder)
    except CohortError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        print(f"{len(error.problems)} problem(s), no dataset was written", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"error: {error}; no dataset was written: see that the disk has room and the folder is yours, then type the "
            "same command: it goes on where this one stopped",
            file=sys.stderr,
        )
        return 2
    for warning in summary.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for failure in summary.failures:
        print(f"error: {failure}", file=sys.stderr)
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
    print(f"look at {page or summary.folder / 'registration' / 'overview'}, then type")
    print(
        f"  nnUNetv2_plan_and_preprocess -d {args.dataset_id} -pl MultiPhaseSCAMPlanner --verify_dataset_integrity"
    )
    if args.strict and summary.failed_verdicts:
        print(
            f"--strict: the registration failed of {', '.join(summary.failed_verdicts)}; the dataset was made all the same",
            file=sys.stderr,
        )
    return 1 if summary.failures or (args.strict and summary.failed_verdicts) else 0


def write_page(dataset_folder: Path) -> Path | None:
    """Write the cohort's page; what stands in its way is said, and costs nothing but the page."""
    from nnunet_multiphase.report.cohort_page import write_cohort_page

    try:
        return write_cohort_page(dataset_folder)
    except (Exception, KeyboardInterrupt) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"warning: cohort.html was not written ({reason}); the dataset is complete", file=sys.stderr)
        return None


def _inputs(args: argparse.Namespace) -> Inputs:
    """Turn the options into the form of the data."""
    from nnunet_multiphase.data.inputs import Inputs
    from nnunet_multiphase.data.layout import Layout
    from nnunet_multiphase.data.mask_choice import MaskRule
    from nnunet_multiphase.data.presets import PRESETS

    labels = {name: getattr(args, name) for name in ("lesion_labels", "liver_labels", "other_labels")}
    for name, values in labels.items():
        if values and min(values) < 1:
            raise InputError(
                f"--{name.replace('_', '-')} {min(values)}: expected labels from 1 on; 0 is background"
            )
    twice = {*(args.other_labels or ())} & {*(args.lesion_labels or (1,)), *(args.liver_labels or ())}
    if twice:
        raise InputError(
            f"--other-labels {min(twice)} is a label of lesions or liver too; take it out of one of them"
        )
    masks = MaskRule(
        args.reference,
        args.several_masks,
        args.no_mask,
        tuple(args.lesion_labels or (1,)),
        tuple(args.liver_labels) if args.liver_labels else None,
        tuple(args.other_labels or ()),
    )
    forms = [f"--{name}" for name in ("preset", "pattern", "table") if getattr(args, name) is not None]
    if len(forms) > 1:
        raise InputError(f"{' and '.join(forms)} exclude each other: expected one form of the data")
    of_pattern = (
        "phase_names",
        "lesions",
        "liver",
        "drawn_on",
        "registered",
    )
    idle = [f"--{name.replace('_', '-')}" for name in of_pattern if getattr(args, name)]
    of_preset = [f"--{name.replace('_', '-')}" for name, values in labels.items() if values]
    if args.preset is not None and of_preset:
        raise InputError(f"{', '.join(of_preset)}: not with --preset, which knows its labels; leave it out")
    if idle and args.pattern is None:
        raise InputError(f"{', '.join(idle)}: only with --pattern; leave it out or add the pattern")
    if args.trust_headers and args.preset is None:
        raise InputError("--trust-headers: only with --preset; leave it out")
    if args.table is not None:
        return Inputs(table=args.table, masks=masks)
    if args.preset is not None:
        if args.preset not in PRESETS:
            raise InputError(f"--preset {args.preset} is unknown: expected one of {', '.join(PRESETS)}")
        return Inputs(layout=PRESETS[args.preset], masks=masks, trust_headers=args.trust_headers)
    if args.pattern is None:
        return Inputs(masks=masks)
    return Inputs(
        layout=Layout(
            image=args.pattern,
            phase_names=_phase_names(args.phase_names),
            lesions=args.lesions or "",
            liver=args.liver or "",
            drawn_on=args.drawn_on or "",
            lesion_labels=tuple(args.lesion_labels or (1,)),
            liver_labels=tuple(args.liver_labels or (1,)),
            further_labels=tuple(args.other_labels or ()),
            registered=args.registered,
        ),
        masks=masks,
    )


def _phase_names(pairs: list[str] | None) -> dict[str, str]:
    """Read PHASE=NAME pairs: how the files call a phase -> ours."""
    names: dict[str, str] = {}
    for pair in pairs or [f"{phase}={phase}" for phase in PHASES]:
        phase, sign, name = pair.partition("=")
        if not sign or phase not in PHASES or not name or name in names:
            raise InputError(
                f"--phase-names {pair}: expected PHASE=NAME with one of {', '.join(PHASES)} and a name of its own, such as "
                "art=arterial"
            )
        names[name] = phase
    return names


def _dry_run(args: argparse.Namespace, inputs: Inputs, targets: TargetClasses) -> int:
    """Say what would become of every case: 0 = it can be done, 2 = there are problems."""
    from nnunet_multiphase.data.dataset import check_options, plan_dataset, threads_of_a_worker
    from nnunet_multiphase.data.destination import choose_destination
    from nnunet_multiphase.data.workers import local_workers

    check_options(
        inputs,
        args.missing,
        args.on_failure,
        args.phases,
        args.test_fraction,
        args.folds,
        args.seed,
        args.jobs,
    )
    problems = []
    try:
        choose_destination(args.dataset_id, args.name, overwrite=args.overwrite)
    except InputError as error:
        problems.append(str(error))
    with local_workers(args.jobs, threads_of_a_worker(args.jobs)) as work:
        plan = plan_dataset(
            args.raw,
            work,
            inputs=inputs,
            missing=args.missing,
            phases=args.phases,
            targets=targets,
            test_fraction=args.test_fraction,
            seed=args.seed,
            accept=args.accept,
            progress=True,
        )
    problems += plan.problems
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
    for report in plan.reports:
        for warning in report.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    for note in plan.found.notes:
        print(f"warning: {note}", file=sys.stderr)
    if plan.found.ignored:
        print(
            f"ignored: {', '.join(plan.found.ignored[:20])}"
            + (" ..." if len(plan.found.ignored) > 20 else "")
        )
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(
        f"{len(plan.cases)} cases, {len(plan.test_patients)} patients for testing, {len(problems)} problem(s); "
        "nothing was written (* reference, () missing)"
    )
    return 2 if problems else 0
