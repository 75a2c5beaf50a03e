"""`nnunet-multiphase benchmark`: nnU-Net's own network against ours, same folds, same budget, one table."""

import argparse
import shlex
import sys
from pathlib import Path

HELP = "train nnU-Net's own network and ours with the same budget and compare them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("-d", "--dataset-id", required=True, help="nnU-Net dataset: 501 or Dataset501_X")
    parser.add_argument("-f", "--folds", type=int, nargs="+", default=[0], help="folds to train (default 0)")
    parser.add_argument("-c", "--configuration", default="3d_fullres", help="default 3d_fullres")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for everything; run again to go on in it"
    )
    parser.add_argument("--epochs", type=int, default=50, help="epochs of every training (default 50)")
    parser.add_argument("--iterations", type=int, default=250, help="training steps an epoch (default 250)")
    parser.add_argument(
        "--val-iterations", type=int, default=50, help="validation steps an epoch (default 50)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        help="equal wall time instead of --epochs: as many epochs as fit, timed first",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default cpu")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--disable-tta", action="store_true", help="predict without mirroring")
    parser.add_argument("--json", action="store_true", help="print benchmark.json instead of the table")


def run(args: argparse.Namespace) -> int:
    """Run, write benchmark.json, benchmark.html, and print."""
    from nnunet_multiphase.errors import InputError

    for name in ("epochs", "iterations", "val_iterations", "seconds"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise InputError(f"--{name.replace('_', '-')} must be above 0, got {value}")

    from nnunet_multiphase.benchmark.run import run_benchmark
    from nnunet_multiphase.benchmark.settings import BenchmarkSettings
    from nnunet_multiphase.evaluation.tables import text_table
    from nnunet_multiphase.report.benchmark_page import comparison_lines, write_benchmark_page

    settings = BenchmarkSettings(
        # A number stays one: a folder begun with it is gone on with.
        dataset_id=int(args.dataset_id) if args.dataset_id.isdecimal() else args.dataset_id,
        folds=tuple(args.folds),
        configuration=args.configuration,
        epochs=args.epochs,
        iterations=args.iterations,
        val_iterations=args.val_iterations,
        seconds=args.seconds,
        device=args.device,
        seed=args.seed,
        mirroring=not args.disable_tta,
    )

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    result = run_benchmark(args.output, settings, say=say)
    command = shlex.join(["nnunet-multiphase", *sys.argv[1:]])
    page = write_benchmark_page(args.output / "benchmark.html", result, output=args.output, command=command)
    if args.json:
        print((args.output / "benchmark.json").read_text(), end="")
    else:
        print(text_table(*result.table()))
        print("\n".join(["", *comparison_lines(result)]))
    say(f"page: {page}")
    return 0
