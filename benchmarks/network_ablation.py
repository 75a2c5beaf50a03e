"""Train variants of the network on one fold with one budget, and compare accuracy, size and time.

    python benchmarks/network_ablation.py 501 -o OUT --variants default,rate1 --seeds 0 1 2
    python benchmarks/network_ablation.py 501 -o OUT --table        # what is finished in OUT, as a Markdown table
    python benchmarks/network_ablation.py 501 -o OUT --time         # steps of all variants, in turns, in one run

The dataset must be planned and preprocessed for 3d_fullres with MultiPhaseSCAMPlanner (and for the variant "nnunet"
with nnU-Net's own planner). Each variant's plans are written beside these, as ablation_<variant>.json, and read the
same preprocessed data. What is finished in OUT is not done again. On a CPU, the same seed gives the same weights.
OMP_NUM_THREADS sets the threads.
"""

import argparse
import copy
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from scipy.stats import wilcoxon
from torch import nn

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.benchmark.place import Place, given_place, splits_of
from nnunet_multiphase.benchmark.prediction import predict
from nnunet_multiphase.benchmark.settings import claim_folder
from nnunet_multiphase.benchmark.training import TrainingSettings, train
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_pairs
from nnunet_multiphase.evaluation.label_choice import BothClasses
from nnunet_multiphase.evaluation.scores import Scores
from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.label_classes import classes_of_record
from nnunet_multiphase.network.complexity import count_gmacs, count_parameters
from nnunet_multiphase.network.defaults import default_arch_kwargs
from nnunet_multiphase.training.focal_dice import FocalDiceLoss

CONFIGURATION = "3d_fullres"
LAST_EPOCHS = 5
"""The table's losses are means over so many."""
OUR_PLANS, VANILLA_PLANS = "nnUNetMultiPhaseSCAMPlans", "nnUNetPlans"
OUR_TRAINER, VANILLA_TRAINER = "MultiPhaseSCAMTrainer", "nnUNetTrainer"

NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # name: (options of default_arch_kwargs, arch_kwargs changed afterwards)
    "default": ({}, {}),
    "rate1": ({"rates": (1,)}, {}),
    "rate2": ({"rates": (2,)}, {}),
    "rates25": ({"rates": (2, 5)}, {}),
    "rates235": ({"rates": (2, 3, 5)}, {}),
    "narrow": ({"features": (8, 16, 32, 64, 96)}, {}),
    "wide": ({"features": (24, 48, 80, 112, 144)}, {}),
    "convs1": ({"convolutions": (1,)}, {}),
    "convs2": ({"convolutions": (2,)}, {}),
    "gate_per_channel": ({}, {"gate_per_channel": True}),
    "no_scam": ({}, {"select_skips": False}),
    "avg_pool": ({}, {"pool": "avg"}),
    "strided": ({}, {"pool": "stride"}),
    "bias": ({}, {"conv_bias": True}),
    "stages4": ({"stages": 4}, {}),
    "stages4_wide": ({"stages": 4, "features": (24, 48, 96, 128)}, {}),
    "absent_as_air": ({}, {"ignore_absent_phases": False}),
    "batch_norm": ({}, {"norm_op": "torch.nn.modules.batchnorm.BatchNorm3d"}),
}
TRAININGS: dict[str, dict[str, dict[str, float]]] = {
    # name: entries of the plans; the default network, trained otherwise
    "no_phase_dropout": {"multiphase_training": {"phase_dropout": 0.0}},
    "no_misalignment": {"multiphase_training": {"misalignment": 0.0}},
    "all_phases_still": {"multiphase_training": {"phase_dropout": 0.0, "misalignment": 0.0}},
    "rate_3e-4": {"multiphase_training": {"learning_rate": 3e-4}},
    "rate_3e-3": {"multiphase_training": {"learning_rate": 3e-3}},
    "alpha_0.5": {"multiphase_loss": {"alpha": 0.5}},
    "alpha_0.25": {"multiphase_loss": {"alpha": 0.25}},
    "dice_alone": {"multiphase_loss": {"a": 0.0}},
}
PLAIN = ("plain", "nnunet")
"""nnU-Net's own network: trained by our trainer on our data, and all by nnU-Net itself."""


def model_of(variant: str) -> tuple[str, str]:
    """Name the trainer and the plans of a variant."""
    return VANILLA_TRAINER if variant == "nnunet" else OUR_TRAINER, f"ablation_{variant}"


def write_plans(preprocessed: Path, variant: str, patch: Sequence[int], batch: int) -> dict[str, Any]:
    """Write a variant's plans and return its architecture."""
    base = json.loads(
        (preprocessed / f"{VANILLA_PLANS if variant == 'nnunet' else OUR_PLANS}.json").read_text()
    )
    plans = copy.deepcopy(base)
    plans["plans_name"] = model_of(variant)[1]
    configuration = plans["configurations"][CONFIGURATION]
    plans["configurations"] = {CONFIGURATION: configuration}
    configuration |= {"patch_size": list(patch), "batch_size": batch}
    kwargs = configuration["architecture"]["arch_kwargs"]
    if variant == "plain":
        vanilla = json.loads((preprocessed / f"{VANILLA_PLANS}.json").read_text())
        configuration["architecture"] = vanilla["configurations"][CONFIGURATION]["architecture"]
    elif variant != "nnunet":
        options, changes = NETWORKS.get(variant, ({}, {}))
        options = dict(options)
        stages = options.pop("stages", len(kwargs["strides"]))
        kwargs |= default_arch_kwargs(
            kwargs["kernel_sizes"][:stages],
            kwargs["strides"][:stages],
            is_2d=False,
            patch_size=patch,
            **options,
        )
        kwargs |= changes
        plans |= TRAININGS.get(variant, {})
    write_json(preprocessed / f"{plans['plans_name']}.json", plans)
    return configuration["architecture"]


def build(architecture: dict[str, Any], channels: int) -> nn.Module:
    """Build a network of two classes from its plans."""
    torch.manual_seed(0)
    return get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        channels,
        2,
        True,
        True,
    )


def run(options: argparse.Namespace, preprocessed: Path) -> None:
    """Train, predict and score every variant with every seed."""
    place = given_place(options.dataset)
    parts = {"validation": splits_of(place)[options.fold]["val"], "test": list(place.labels("Ts"))}
    for seed in options.seeds:
        for variant in options.variants:
            folder = options.output / variant / f"seed{seed}"
            if (folder / "result.json").is_file():
                continue
            write_plans(preprocessed, variant, options.patch, options.batch)
            folder.mkdir(parents=True, exist_ok=True)
            trainer, plans = model_of(variant)
            settings = TrainingSettings(
                place.dataset,
                CONFIGURATION,
                options.fold,
                trainer,
                plans,
                Budget(epochs=options.epochs),
                options.iterations,
                options.val_iterations,
                seed=seed,
            )
            claim_folder(folder, asdict(settings))
            results = folder / "nnUNet_results"
            training = train(folder, results, settings, what=variant, say=print)
            inference = predict(
                folder,
                results / place.dataset / f"{trainer}__{plans}__{CONFIGURATION}",
                options.fold,
                {case: place.images(case) for cases in parts.values() for case in cases},
                folder / "predictions",
                device="cpu",
                mirroring=False,
                what=variant,
            )
            scores = {
                part: score(place, folder / "predictions", cases) for part, cases in parts.items() if cases
            }
            result = {
                "training": training,
                "inference": inference,
                "scores": {part: s.summary() for part, s in scores.items()},
                "cases": {part: [asdict(c) for c in s.cases] for part, s in scores.items()},
            }
            write_json(folder / "result.json", result)
            test = result["scores"].get("test", result["scores"]["validation"])
            print(
                f"{variant}, seed {seed}: Dice {test['dice_mean']:.3f}, F1 {test['lesion_f1']:.3f}",
                flush=True,
            )


def score(place: Place, predictions: Path, cases: Sequence[str]) -> Scores:
    """Score predicted cases of a dataset."""
    record = place.raw / "dataset.json"
    known = classes_of_record(place.record, record)
    truths = {**place.labels("Tr"), **place.labels("Ts")}
    pairs = {case: (predictions / f"{case}{place.record['file_ending']}", truths[case]) for case in cases}
    return evaluate_pairs(pairs, classes=BothClasses(known, known, str(record)))


def against_default(output: Path, folder: Path) -> str:
    """Compare a variant with the default on the test cases (each its mean over the seeds that both have): Wilcoxon."""

    def dice_of_cases(variant: Path) -> dict[str, float]:
        runs = [json.loads((variant / seed / "result.json").read_text()) for seed in sorted(seeds)]
        tests = [{case["case"]: case["dice"] for case in run["cases"]["test"]} for run in runs]
        # nan: no Dice, because neither truth nor prediction holds a lesion
        return {
            case: statistics.fmean(math.nan if test[case] is None else test[case] for test in tests)
            for case in tests[0]
        }

    default = output / "default"
    seeds = set.intersection(
        *({p.parent.name for p in variant.glob("seed*/result.json")} for variant in (default, folder))
    )
    if folder == default or not seeds:
        return "-"
    own, others = dice_of_cases(folder), dice_of_cases(default)
    differences = np.array([own[case] - others[case] for case in sorted(own.keys() & others.keys())])
    if not len(differences) or own.keys() != others.keys():
        return "other cases"
    differences = differences[~np.isnan(differences)]
    p_value = wilcoxon(differences).pvalue if differences.any() else np.nan
    return f"{np.median(differences):+.3f} (p = {p_value:.2g})"


def print_table(options: argparse.Namespace) -> None:
    """Print a row a variant: means over the seeds, the seeds' values behind."""
    print(
        "| variant | weights, M | GMAC | test Dice (seeds) | against default (p) | test lesion F1 "
        "| validation Dice | training loss | validation loss |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for folder in sorted(p for p in options.output.iterdir() if p.is_dir()):
        done = [json.loads(p.read_text()) for p in sorted(folder.glob("seed*/result.json"))]
        if not done:
            continue

        def over_seeds(value: Callable[[dict[str, Any]], float], done: list[dict[str, Any]] = done) -> str:
            values = [value(d) for d in done]
            each = f" ({' '.join(f'{v:.3f}' for v in values)})" if len(values) > 1 else ""
            return f"{statistics.fmean(values):.3f}{each}"

        cells = [
            f"{done[0]['inference']['parameters'] / 1e6:.2f}",
            f"{done[0]['inference'].get('gmac', done[0]['inference'].get('gmacs')):.2f}",
            over_seeds(lambda d: d["scores"]["test"]["dice_mean"]),
            against_default(options.output, folder),
            over_seeds(lambda d: d["scores"]["test"]["lesion_f1"]),
            over_seeds(lambda d: d["scores"]["validation"]["dice_mean"]),
            over_seeds(lambda d: statistics.fmean(d["training"]["train_losses"][-LAST_EPOCHS:])),
            over_seeds(lambda d: statistics.fmean(d["training"]["val_losses"][-LAST_EPOCHS:])),
        ]
        print(f"| {folder.name} | {' | '.join(cells)} |")


def print_times(options: argparse.Namespace, preprocessed: Path, channels: int) -> None:
    """Time training steps of all variants in turns, so that what else runs disturbs all alike."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(options.batch, channels, *options.patch, generator=generator)
    labels = (torch.rand(options.batch, 1, *options.patch, generator=generator) > 0.98).float()
    loss_of = FocalDiceLoss()
    nets, seconds = {}, {}
    for variant in options.variants:
        nets[variant] = build(write_plans(preprocessed, variant, options.patch, options.batch), channels)
        seconds[variant] = []
    for _ in range(options.rounds + 1):
        for variant, net in nets.items():
            began = time.perf_counter()
            outputs = net(x)
            torch.stack(
                [
                    0.5**i * loss_of(out, nn.functional.interpolate(labels, out.shape[2:]))
                    for i, out in enumerate(outputs)
                ]
            ).sum().backward()
            net.zero_grad(set_to_none=True)
            seconds[variant].append(time.perf_counter() - began)
    print("| variant | weights, M | GMAC | seconds a step (median) |\n|---|---|---|---|")
    for variant, net in nets.items():
        net.decoder.deep_supervision = False
        gmacs = count_gmacs(net, (1, channels, *options.patch))
        print(
            f"| {variant} | {count_parameters(net) / 1e6:.2f} | {gmacs:.2f} "
            f"| {statistics.median(seconds[variant][1:]):.3f} |"
        )


def folder_of(variable: str, dataset: int) -> Path:
    """Find the dataset's folder in one of nnU-Net's folders."""
    found = sorted(Path(os.environ.get(variable, "unset")).glob(f"Dataset{dataset:03d}_*"))
    if len(found) != 1:
        raise InputError(f"{variable} must hold one dataset {dataset}, holds {len(found)}")
    return found[0]


def main() -> None:
    """Read the options and do one of the three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=int, help="nnU-Net's dataset number")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--variants",
        type=lambda text: text.split(","),
        default=list(NETWORKS),
        help=f"of {', '.join((*NETWORKS, *TRAININGS, *PLAIN))} (default: all of our networks)",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--patch", type=int, nargs=3, default=[28, 48, 48], metavar=("Z", "Y", "X"))
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=50, help="steps an epoch")
    parser.add_argument("--val-iterations", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5, help="timed steps of --time")
    parser.add_argument("--table", action="store_true", help="print what is finished, train nothing")
    parser.add_argument("--time", action="store_true", help="time steps, train nothing")
    options = parser.parse_args()
    unknown = set(options.variants) - {*NETWORKS, *TRAININGS, *PLAIN}
    if unknown:
        parser.error(f"unknown variants: {', '.join(sorted(unknown))}")
    raw, preprocessed = (folder_of(v, options.dataset) for v in ("nnUNet_raw", "nnUNet_preprocessed"))
    if options.table:
        print_table(options)
    elif options.time:
        channels = len(json.loads((raw / "dataset.json").read_text())["channel_names"])
        print_times(options, preprocessed, channels)
    else:
        run(options, preprocessed)


if __name__ == "__main__":
    main()
