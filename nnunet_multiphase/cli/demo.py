"""`nnunet-multiphase demo`: the whole chain on a synthetic cohort."""

import argparse
from pathlib import Path

HELP = "run the whole chain on a synthetic cohort, everything in one folder, and write a report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; defaults stand in `DemoSettings`."""
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo_run"), help="default: demo_run")
    parser.add_argument("--cases", type=int, default=None, help="synthetic patients")
    parser.add_argument("--epochs", type=int, default=None, help="of the training")
    parser.add_argument("--iterations", type=int, default=None, help="training steps per epoch")
    parser.add_argument("--seed", type=int, default=0, help="of cohort, split and training (default: 0)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or mps")
    parser.add_argument(
        "--jobs", type=int, default=2, help="processes for registration and preprocessing (default: 2)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo."""
    from dataclasses import replace

    from nnunet_multiphase.demo import DemoSettings, run_demo

    settings = DemoSettings(seed=args.seed, device=args.device, jobs=args.jobs)
    for name, value in (
        ("cases", args.cases),
        ("epochs", args.epochs),
        ("iterations_per_epoch", args.iterations),
    ):
        if value is not None:
            settings = replace(settings, **{name: value})
    run_demo(args.folder, settings)
    return 0
