"""Tell why a trained network's gates are flat, where they are: gate by gate, over the voxels of some cases.

    python benchmarks/gate_saturation.py MODEL_FOLDER RAW_DATASET CASE [CASE ...] [-f FOLD]

A gate is sigmoid(logit). It is flat where the logits do not differ, or where they differ and lie so far from 0 that the
sigmoid is at its end. An inner unit is idle where its relu passes nothing at any voxel of the cases.
"""

import argparse
from pathlib import Path

import torch
from gate_figure import network_of, normalised

from nnunet_multiphase.network.scam import SpatialGate, upsample_linear
from nnunet_multiphase.prediction import load_model

FLAT = 0.02
"""Standard deviation of the weights over the voxels below which a gate is called flat."""


def told_of(gate: SpatialGate, seen: list[tuple[torch.Tensor, torch.Tensor]]) -> str:
    """Sum a gate up over what came to it: (skip, deeper map) of each case."""
    logits, inner = [], []
    for x, g in seen:
        from_x = torch.relu(gate.project_x(x))
        from_g = torch.relu(upsample_linear(gate.project_g(g), x.shape[2:]))
        logits.append((gate.weigh_x(from_x) + gate.weigh_g(from_g)).flatten())
        inner.append(torch.cat([from_x, from_g], 1).flatten(2).amax((0, 2)))
    logit = torch.cat(logits)
    weight = torch.sigmoid(logit)
    idle = int((torch.stack(inner).amax(0) <= 0).sum())
    flat = "flat" if weight.std() < FLAT else "    "
    return (
        f"{flat}  weight {weight.mean():.3f} +- {weight.std():.3f}  logit {logit.mean():+.2f} +- {logit.std():.2f}"
        f"  idle {idle} of {len(inner[0])}"
    )


def main() -> None:
    """Show the cases to the network and print a line a gate, finest first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL_FOLDER")
    parser.add_argument("dataset", type=Path, metavar="RAW_DATASET")
    parser.add_argument("cases", nargs="+", metavar="CASE")
    parser.add_argument("-f", "--fold", default="0")
    options = parser.parse_args()
    predictor = load_model(options.model, [options.fold], mirroring=False, progress=False).predictor
    network = network_of(predictor)
    gates = [module for module in network.modules() if isinstance(module, SpatialGate)][::-1]
    seen: dict[SpatialGate, list[tuple[torch.Tensor, torch.Tensor]]] = {gate: [] for gate in gates}
    for gate in gates:
        gate.register_forward_pre_hook(lambda gate, inputs: seen[gate].append(inputs))
    with torch.no_grad():
        for case in options.cases:
            network(normalised(predictor, options.dataset, case)[2])
        for number, gate in enumerate(gates, 1):
            print(f"gate {number}  {told_of(gate, seen[gate])}", flush=True)


if __name__ == "__main__":
    main()
