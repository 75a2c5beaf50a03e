"""Train designs of dilated convolutions on phantom patients in clinical voxels, and compare them case by case.

    python benchmarks/dilation_designs.py OUT --cases                     # render the patients, once
    python benchmarks/dilation_designs.py OUT --designs default,undilated --seeds 0 1 --part tuning
    python benchmarks/dilation_designs.py OUT --table --part tuning       # what is finished, as a Markdown table

Boxes of the liver in voxels of .8 x .8 x 2.5 mm, all phases on one grid, the moving ones off by a mm or so as a registration
leaves them. Torch alone: the method's loss and optimiser, patches drawn in the liver, mirroring; no other augmentation.
A design is chosen on `tuning` and confirmed on `holdout`, with other patients and other seeds. What is finished in OUT is
not done again. OMP_NUM_THREADS sets the threads.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from torch import nn
from torch.nn import functional

from nnunet_multiphase.evaluation.matching import match_masks
from nnunet_multiphase.evaluation.statistics import Ratios, difference, draw, estimate
from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, NETWORK_CLASS, default_arch_kwargs
from nnunet_multiphase.network.scam import SpatialGate
from nnunet_multiphase.phantom.cohort import sample_case
from nnunet_multiphase.phantom.motion import Motion
from nnunet_multiphase.phantom.render import Grid, add_noise, render_hu, render_lesions, render_liver
from nnunet_multiphase.phantom.tissue import Patient
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.planning.topology import plan_topology
from nnunet_multiphase.training.focal_dice import FocalDiceLoss

SPACING_MM = (2.5, 0.8, 0.8)
BOX = (48, 128, 128)
"""Voxels of a patient: 120 x 102 x 102 mm about a lesion, off its middle by up to 20 mm."""
LEFT_BY_REGISTRATION_MM = 0.7
PARTS = {"training": (1601, 12), "tuning": (1602, 8), "holdout": (1603, 8)}
"""Seed and number of the patients."""
BATCH = 2
LEARNING_RATE = 3e-3

DESIGNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # name: (options of default_arch_kwargs, arch_kwargs changed afterwards)
    "default": ({}, {}),
    "undilated": ({"rates": (1,)}, {}),
    "plain_skips": ({}, {"select_skips": False}),
    "undilated_plain_skips": ({"rates": (1,)}, {"select_skips": False}),
    "rate2": ({"rates": (2,)}, {}),
    "groups23": ({"rates": (2,), "second_rates": (3,)}, {}),
    "smooth2": ({"rates": (2,)}, {"smooth": True}),
    "smooth23": ({"rates": (2, 3)}, {"smooth": True}),
}


def render(output: Path, part: str) -> None:
    """Render the patients of a part: HU (4, z, y, x), liver and lesions."""
    seed, count = PARTS[part]
    for number in range(1, count + 1):
        path = output / "cases" / part / f"case_{number:03d}.npz"
        if path.is_file():
            continue
        case = sample_case(number, seed=seed, size="large")
        rng = np.random.default_rng([seed, number, 16])
        still = Motion(np.eye(3), np.zeros(3), np.zeros(3))
        grid = _grid_about_a_lesion(case.patient, rng)
        volumes = []
        for phase in PHASES:
            off = rng.normal(0, LEFT_BY_REGISTRATION_MM, 3) * (phase != case.reference)
            hu = render_hu(case.patient, Motion(np.eye(3), np.zeros(3), off), phase, grid)
            volumes.append(add_noise(rng, hu, case.noise_hu[phase]).astype(np.float16))
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(
                file,
                hu=np.stack(volumes),
                liver=render_liver(case.patient, still, grid),
                lesions=render_lesions(case.patient, still, grid, case.patient.lesions),
            )
        partial.rename(path)
        print(path, grid.size, flush=True)


def _grid_about_a_lesion(patient: Patient, rng: np.random.Generator) -> Grid:
    spacing = np.array(SPACING_MM[::-1])
    size = np.array(BOX[::-1])
    corner = patient.lesions[0].centre + rng.uniform(-20, 20, 3) - (size - 1) / 2 * spacing
    return Grid(tuple(size.tolist()), tuple(spacing.tolist()), tuple(corner.tolist()), np.eye(3))


def load(output: Path, part: str) -> list[dict[str, np.ndarray]]:
    """Read the patients of a part, normalised by the training patients' lesions as the planner has it."""
    seed_and_count = PARTS[part]
    folder = output / "cases"
    moments = folder / "intensities.json"
    if not moments.is_file():
        values = []
        for path in sorted((folder / "training").glob("*.npz"))[: PARTS["training"][1]]:
            with np.load(path) as case:
                values.append(case["hu"][:, case["lesions"] > 0].astype(np.float32))
        of_lesions = np.concatenate(values, 1)
        write_json(
            moments,
            {
                "low": np.percentile(of_lesions, 0.05, axis=1).tolist(),
                "high": np.percentile(of_lesions, 99.5, axis=1).tolist(),
                "mean": of_lesions.mean(1).tolist(),
                "sd": of_lesions.std(1).tolist(),
            },
        )
    known = {key: np.float32(v)[:, None, None, None] for key, v in json.loads(moments.read_text()).items()}
    cases = []
    for path in sorted((folder / part).glob("*.npz"))[: seed_and_count[1]]:
        with np.load(path) as case:
            image = (np.clip(case["hu"], known["low"], known["high"]) - known["mean"]) / known["sd"]
            cases.append(
                {"image": image.astype(np.float16), "liver": case["liver"], "lesions": case["lesions"]}
            )
    if len(cases) != seed_and_count[1]:
        raise SystemExit(
            f"{folder / part} holds {len(cases)} of {seed_and_count[1]} cases; run --cases first"
        )
    return cases


def build(design: str, patch: tuple[int, ...], seed: int) -> tuple[nn.Module, list[list[int]]]:
    """Build a design as plans would have it for these voxels and this patch, and give its strides."""
    options, changes = DESIGNS[design]
    topology = plan_topology(SPACING_MM, patch)
    kwargs = default_arch_kwargs(
        topology.kernel_sizes, topology.strides, is_2d=False, patch_size=patch, **options
    )
    kwargs = json.loads(json.dumps(kwargs | {"ignore_absent_phases": False} | changes))
    torch.manual_seed(seed)
    net = get_network_from_plans(NETWORK_CLASS, kwargs, ARCH_KWARGS_REQ_IMPORT, len(PHASES), 2, True, True)
    return net, kwargs["strides"]


def draw_patch(
    rng: np.random.Generator, cases: list[dict[str, np.ndarray]], size: tuple[int, ...], on_lesion: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a patch about a voxel of a liver, or of a lesion, mirrored at random."""
    case = cases[rng.integers(len(cases))]
    wanted = case["lesions" if on_lesion else "liver"]
    slices = np.flatnonzero(wanted.any((1, 2)))
    z = rng.choice(slices)
    y, x = np.argwhere(wanted[z])[rng.integers(np.count_nonzero(wanted[z]))]
    start = [
        int(np.clip(c - n // 2 + rng.integers(-n // 4, n // 4 + 1), 0, whole - n))
        for c, n, whole in zip((z, y, x), size, wanted.shape, strict=True)
    ]
    box = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    flips = tuple(axis for axis in (-3, -2, -1) if rng.random() < 0.5)
    return np.flip(case["image"][(slice(None), *box)], flips), np.flip(case["lesions"][box], flips)


def train(
    net: nn.Module, strides: list[list[int]], cases: Any, options: argparse.Namespace, seed: int
) -> list[float]:
    """Train with the method's loss and Adam on a falling rate, and return the losses."""
    rng = np.random.default_rng([16, seed])
    sizes = [
        [n // int(d) for n, d in zip(options.patch, np.prod(strides[: s + 1], 0), strict=True)]
        for s in range(len(strides) - 1)
    ]
    weights = np.array([0.5**s for s in range(len(sizes))])
    loss_of = DeepSupervisionWrapper(FocalDiceLoss(), (weights / weights.sum()).tolist())
    optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, options.steps, 0.9)
    losses = []
    net.train()
    for _ in range(options.steps):
        images, labels = zip(
            *(draw_patch(rng, cases, options.patch, i == 0) for i in range(BATCH)), strict=True
        )
        x = torch.from_numpy(np.stack(images).astype(np.float32))
        truth = torch.from_numpy(np.stack(labels)[:, None].astype(np.float32))
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(net(x), [functional.interpolate(truth, size) for size in sizes])
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 12)
        optimizer.step()
        schedule.step()
        losses.append(round(loss.item(), 4))
    return losses


def predict(net: nn.Module, image: np.ndarray, liver: np.ndarray, patch: tuple[int, ...]) -> np.ndarray:
    """Segment a patient in tiles that overlap by a quarter, those without liver left out; the logits are summed."""
    net.eval()
    net.decoder.deep_supervision = False
    starts = [
        np.unique(np.linspace(0, whole - n, max(1, int(np.ceil((whole - n) / (0.75 * n))) + 1)).astype(int))
        for whole, n in zip(liver.shape, patch, strict=True)
    ]
    logits = np.zeros(liver.shape, np.float32)
    with torch.no_grad():
        for start in np.stack(np.meshgrid(*starts, indexing="ij"), -1).reshape(-1, 3):
            box = tuple(slice(s, s + n) for s, n in zip(start, patch, strict=True))
            if liver[box].any():
                out = net(torch.from_numpy(image[(slice(None), *box)].astype(np.float32))[None])[0]
                logits[box] += (out[1] - out[0]).numpy()
    net.decoder.deep_supervision = True
    return logits > 0


def gates(net: nn.Module, cases: list[dict[str, np.ndarray]], patch: tuple[int, ...]) -> list[list[float]]:
    """Give each gate's mean and standard deviation over the voxels of patches with a lesion, finest first."""
    rng = np.random.default_rng(0)
    images = np.stack([draw_patch(rng, [case], patch, True)[0] for case in cases]).astype(np.float32)
    kept: list[list[float]] = []

    def note(gate: SpatialGate, inputs: tuple[torch.Tensor, torch.Tensor], _: torch.Tensor) -> None:
        weights = gate.weights(*inputs)
        kept.append([round(weights.mean().item(), 3), round(weights.std().item(), 3)])

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, SpatialGate)]
    with torch.no_grad():
        net(torch.from_numpy(images))
    for hook in hooks:
        hook.remove()
    return kept[::-1]


def run(options: argparse.Namespace) -> None:
    """Train and score every design with every seed."""
    todo = [
        (design, seed, options.output / options.part / design / f"seed{seed}.json")
        for seed in options.seeds
        for design in options.designs
    ]
    training, testing = load(options.output, "training"), load(options.output, options.part)
    for design, seed, path in todo:
        if path.is_file():
            continue
        net, strides = build(design, options.patch, seed)
        began = time.monotonic()
        losses = train(net, strides, training, options, seed)
        trained = time.monotonic() - began
        cases = []
        for case in testing:
            predicted = predict(net, case["image"], case["liver"], options.patch) & (case["liver"] > 0)
            truth = case["lesions"] > 0
            outcomes = [match.outcome for match in match_masks(predicted, truth)]
            cases.append(
                {
                    "intersection": int(np.count_nonzero(predicted & truth)),
                    "sum": int(np.count_nonzero(predicted) + np.count_nonzero(truth)),
                    **{name: outcomes.count(name) for name in ("found", "missed", "false")},
                }
            )
        result = {
            "design": design,
            "seed": seed,
            "steps": options.steps,
            "patch": options.patch,
            "training_s": round(trained, 1),
            "losses": losses,
            "gates": gates(net, testing, options.patch),
            "cases": cases,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, result)
        dice = np.mean([2 * c["intersection"] / c["sum"] for c in cases])
        print(f"{design}, seed {seed}: Dice {dice:.3f}, {trained:.0f} s of training", flush=True)


def print_table(options: argparse.Namespace) -> None:
    """Print each design's Dice, lesion F1 and paired differences with the references, of the seeds that both have."""
    done = {
        folder.name: {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("seed*.json"))}
        for folder in sorted((options.output / options.part).iterdir())
    }

    def measures(runs: list[dict[str, Any]]) -> tuple[Ratios, Ratios]:
        def column(value: Any) -> np.ndarray:
            return np.array([[float(value(c)) for c in run["cases"]] for run in runs])

        dice = column(lambda c: 2 * c["intersection"] / c["sum"])
        found = column(lambda c: 2 * c["found"])
        counted = column(lambda c: 2 * c["found"] + c["missed"] + c["false"])
        return Ratios(dice, np.ones_like(dice), False), Ratios(found, counted, True)

    print(
        "| design | seeds | Dice | lesion F1 | last losses | "
        + " | ".join(f"Dice minus {r}" for r in options.against)
        + " |"
    )
    print("|---|---|---|---|---|" + "---|" * len(options.against))
    for design, runs in done.items():
        dice, f1 = measures(list(runs.values()))
        draws = draw([0] * dice.below.shape[1], len(runs), seed=0)
        each = " ".join(f"{v:.3f}" for v in dice.above.mean(1))
        last = np.mean([run["losses"][-len(run["losses"]) // 5 :] for run in runs.values()])
        cells = [
            ", ".join(s.removeprefix("seed") for s in runs),
            f"{estimate(dice, draws).value:.3f} ({each})",
            f"{estimate(f1, draws).value:.3f}",
            f"{last:.3f}",
        ]
        for other in options.against:
            shared = sorted(set(runs) & set(done.get(other, {})))
            if other == design or not shared:
                cells.append("-")
                continue
            pair = [measures([which[s] for s in shared])[0] for which in (runs, done[other])]
            draws = draw([0] * dice.below.shape[1], len(shared), seed=0)
            d = difference(*pair, draws, higher_is_better=True, decimals=3)
            cells.append(f"{d.estimate.value:+.3f} ({d.estimate.low:+.3f} to {d.estimate.high:+.3f})")
        print(f"| {design} | {' | '.join(cells)} |")


def main() -> None:
    """Read the command line and do what it asks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--designs", type=lambda text: text.split(","), default=list(DESIGNS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--part", choices=("tuning", "holdout"), default="tuning")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--patch", type=int, nargs=3, default=[16, 48, 48], metavar=("Z", "Y", "X"))
    parser.add_argument("--against", type=lambda text: text.split(","), default=["undilated", "plain_skips"])
    parser.add_argument(
        "--cases", nargs="*", choices=PARTS, help="render the patients (of these parts), train nothing"
    )
    parser.add_argument("--table", action="store_true", help="print what is finished, train nothing")
    options = parser.parse_args()
    unknown = set(options.designs) - set(DESIGNS)
    if unknown:
        parser.error(f"unknown designs: {', '.join(sorted(unknown))}; known: {', '.join(DESIGNS)}")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if options.cases is not None:
        for part in options.cases or PARTS:
            render(options.output, part)
    elif options.table:
        print_table(options)
    else:
        run(options)


if __name__ == "__main__":
    main()
