"""`nnunet-multiphase benchmark`: contestants on the same cases with the same budget, trained, predicted, compared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunet_multiphase.cli.cohort import add_cohort, dataset_options
from nnunet_multiphase.cli.sigterm import sigterm_like_ctrl_c
from nnunet_multiphase.cli.step_size import DEFAULT_STEP_SIZE, add_step_size
from nnunet_multiphase.errors import InputError

if TYPE_CHECKING:
    from nnunet_multiphase.benchmark.budget import Budget
    from nnunet_multiphase.benchmark.layout import Plan
    from nnunet_multiphase.benchmark.settings import BenchmarkSettings

HELP = "train contestants such as nnU-Net's own network and ours with the same budget and compare them"
DEFAULT_BUDGET = "epochs=50"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "raw",
        type=Path,
        nargs="?",
        metavar="RAW",
        help="raw cases as `setup` takes them; the benchmark makes its datasets of them (or: -d)",
    )
    parser.add_argument("-d", "--dataset-id", help="nnU-Net dataset that is there: 501 or Dataset501_X")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for everything; run again to go on in it"
    )
    parser.add_argument(
        "--contestants",
        nargs="+",
        metavar="NAME",
        help="who is compared, the others with the first; see docs/benchmark.md (default: vanilla ours)",
    )
    parser.add_argument("-f", "--folds", type=int, nargs="+", help="folds to train (default 0)")
    parser.add_argument(
        "--seeds",
        "--seed",
        type=int,
        nargs="+",
        help="seeds to train each fold with (default 0)",
    )
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--budget",
        metavar="B",
        help=f"of every training: epochs=N, or minutes=M for as many epochs as fit, timed first (default {DEFAULT_BUDGET})",
    )
    budget.add_argument("--epochs", metavar="N", help="the same as --budget epochs=N")
    budget.add_argument("--seconds", type=float, metavar="S", help="the same as --budget minutes=S/60")
    parser.add_argument("-c", "--configuration", help="default 3d_fullres")
    parser.add_argument("--iterations", type=int, help="training steps an epoch (default 250)")
    parser.add_argument("--val-iterations", type=int, help="validation steps an epoch (default 50)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default cpu")
    parser.add_argument(
        "--gpu-memory-target",
        type=float,
        metavar="GB",
        help="what a network may take of a GPU where plans are to be made (default: each planner's own)",
    )
    parser.add_argument("--disable-tta", action="store_true", help="predict without mirroring")
    add_step_size(parser)
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes for registering and preprocessing (default 1)",
    )
    parser.add_argument(
        "--dask-scheduler",
        metavar="ADDRESS",
        help="register and train on a Dask cluster, such as tcp://host:8786, whose workers see the same folders",
    )
    parser.add_argument(
        "--slurm",
        type=Path,
        metavar="DIR",
        help="write scripts for Slurm there, submit.sh the first; run nothing",
    )
    parser.add_argument(
        "--print-commands",
        action="store_true",
        help="print plain nnU-Net commands that train the same; run nothing",
    )
    parser.add_argument(
        "--only",
        metavar="STEP",
        help="prepare: datasets, plans and preprocessing; a number: that training, counted from 0",
    )
    parser.add_argument(
        "--evaluate-only",
        action="store_true",
        help="compare what OUTPUT holds already, or the --contestants, --seeds and --folds of it; train nothing",
    )
    parser.add_argument(
        "--against",
        metavar="NAME",
        help="the contestant that the others are compared with (default: the first)",
    )
    parser.add_argument("--json", action="store_true", help="print results.json instead of the table")
    _add_making(parser)


def _add_making(parser: argparse.ArgumentParser) -> None:
    """Add what says how datasets are made of RAW, as in `setup`."""
    parser.add_argument(
        "--cv-folds",
        type=int,
        default=5,
        metavar="N",
        help="cross-validation folds to make of RAW (default 5)",
    )
    add_cohort(parser)


def run(args: argparse.Namespace) -> int:
    """Do what is asked: 0 = all is finished, 1 = a training failed, 2 = nothing can be done."""
    for name in ("iterations", "val_iterations", "seconds", "gpu_memory_target", "jobs"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise InputError(f"--{name.replace('_', '-')} must be above 0, got {value}")
    if args.evaluate_only:
        return _evaluate_only(args)
    with sigterm_like_ctrl_c():  # a training in a process of its own is stopped too
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from nnunet_multiphase.benchmark.prepare import choose, find_against, prepare
    from nnunet_multiphase.benchmark.run import run_benchmark

    settings = _settings(args)
    args.against = find_against(args.output, args.against, choose(settings))
    typed = ["nnunet-multiphase", *_without(sys.argv[1:], "--slurm", "--print-commands")]
    if args.print_commands:
        from nnunet_multiphase.benchmark.commands import nnunet_commands

        lines = nnunet_commands(args.output, settings, typed=typed, jobs=args.jobs, against=args.against)
        print("\n".join(lines))
        return 0
    if args.slurm is not None:
        return _slurm(args, settings, typed)
    if args.only == "prepare":
        prepare(
            args.output.absolute(), settings, jobs=args.jobs, dask_scheduler=args.dask_scheduler, say=_say
        )
        return 0
    if args.only is not None:
        return _one_training(args.output.absolute(), settings, args.only)
    _, failures = run_benchmark(
        args.output, settings, jobs=args.jobs, dask_scheduler=args.dask_scheduler, say=_say
    )
    for failure in failures:
        print(f"error: {failure.training}: {failure.sentence}", file=sys.stderr)
    status = _evaluate(args)
    return 1 if failures else status


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _settings(args: argparse.Namespace) -> BenchmarkSettings:
    from nnunet_multiphase.benchmark.settings import BenchmarkSettings, Cohort

    cohort = None
    if args.raw is None:
        _refuse_making(args)
    else:
        cohort = Cohort(args.raw.absolute(), dataset_options(args, folds=args.cv_folds))
    dataset = args.dataset_id
    return BenchmarkSettings(
        # A number stays one: a folder begun with it is gone on with.
        dataset=int(dataset) if dataset is not None and dataset.isdecimal() else dataset,
        cohort=cohort,
        budget=_budget(args),
        device=args.device,
        mirroring=not args.disable_tta,
        step_size=args.step_size,
        gpu_memory_gb=args.gpu_memory_target,
        **_typed(args, "contestants", "folds", "seeds", "configuration", "iterations", "val_iterations"),
    )


def _typed(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Give the options that were typed; the settings have the defaults of the others."""
    values = {name: getattr(args, name) for name in names}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if v is not None}


def _refuse_making(args: argparse.Namespace) -> None:
    """Refuse to be told how datasets are made where one is given."""
    parser = argparse.ArgumentParser()
    _add_making(parser)
    for name, default in vars(parser.parse_args([])).items():
        if getattr(args, name) != default:
            raise InputError(
                f"--{name.replace('_', '-')} says how datasets are made of RAW, and -d gives one that is made; leave it out"
            )


def _budget(args: argparse.Namespace) -> Budget:
    from nnunet_multiphase.benchmark.budget import parse_budget

    if args.epochs is not None:
        return parse_budget(f"epochs={args.epochs}")
    if args.seconds is not None:
        return parse_budget(f"minutes={args.seconds / 60!r}")
    return parse_budget(args.budget or DEFAULT_BUDGET)


def _without(typed: list[str], *options: str) -> list[str]:
    """Take options of which this run is not one out of a command, --slurm with its folder."""
    kept, skip = [], False
    for word in typed:
        name, sign, _ = word.partition("=")
        if not skip and name not in options:
            kept.append(word)
        skip = not skip and name == "--slurm" and not sign
    return kept


def _slurm(args: argparse.Namespace, settings: BenchmarkSettings, typed: list[str]) -> int:
    from nnunet_multiphase.benchmark.slurm import write_slurm_scripts

    if args.dask_scheduler is not None:
        raise InputError("--slurm and --dask-scheduler are two ways to a cluster; choose one")
    trainings = len(settings.contestants) * len(settings.seeds) * len(settings.folds)
    script = write_slurm_scripts(
        args.slurm,
        typed=typed,
        work=args.output,
        trainings=trainings,
        device=settings.device,
        jobs=args.jobs,
        against=args.against,
    )
    print(f"{trainings} trainings; look at the scripts, then type\n  {script}")
    return 0


def _one_training(work: Path, settings: BenchmarkSettings, number: str) -> int:
    """Do one training of a prepared benchmark."""
    from nnunet_multiphase.benchmark.layout import read_plan
    from nnunet_multiphase.benchmark.run import run_trainings, wanted_trainings
    from nnunet_multiphase.benchmark.settings import claim_folder, fixed_settings

    plan = read_plan(work)
    claim_folder(work, fixed_settings(settings))
    wanted = wanted_trainings(plan, settings)
    if not number.isdecimal() or int(number) >= len(wanted):
        raise InputError(f"--only {number}: expected prepare, or a number from 0 to {len(wanted) - 1}")
    failures = run_trainings(work, [wanted[int(number)]], say=_say)
    for failure in failures:
        print(f"error: {failure.sentence}", file=sys.stderr)
    return 1 if failures else 0


def _evaluate_only(args: argparse.Namespace) -> int:
    """Compare what is asked for of a benchmark that is there."""
    from nnunet_multiphase.benchmark.finish import take_in
    from nnunet_multiphase.benchmark.layout import read_plan
    from nnunet_multiphase.benchmark.part import part_of, refuse_other_benchmark

    plan = read_plan(args.output)
    settings = _typed(args, "configuration", "iterations", "val_iterations")
    if args.budget is not None or args.epochs is not None or args.seconds is not None:
        settings["budget"] = str(_budget(args))
    if args.disable_tta:
        settings["mirroring"] = False
    if args.step_size != DEFAULT_STEP_SIZE:
        settings["step_size"] = args.step_size
    refuse_other_benchmark(args.output, plan, dataset=args.dataset_id, raw=args.raw, settings=settings)
    part = part_of(args.output, plan, **_typed(args, "contestants", "seeds", "folds"))
    take_in(args.output, plan, _say)
    return _evaluate(args, part)


def _evaluate(args: argparse.Namespace, part: Plan | None = None) -> int:
    """Compare what is finished, or a part of it, write the tables and the page, and print."""
    from nnunet_multiphase.benchmark.results import evaluate_benchmark
    from nnunet_multiphase.benchmark.tables import write_results
    from nnunet_multiphase.benchmark.words import results_text
    from nnunet_multiphase.dataset.workers import local_workers
    from nnunet_multiphase.report.benchmark_results import write_benchmark_results

    with local_workers(args.jobs, threads=1) as workers:
        results = evaluate_benchmark(args.output, part=part, against=args.against, run=workers, say=_say)
    write_results(results, args.output)
    page = write_benchmark_results(results, args.output)
    if args.json:
        print((args.output / "results.json").read_text(encoding="utf-8"), end="")
    else:
        print(results_text(results))
    _say(f"page: {page}")
    return 0
