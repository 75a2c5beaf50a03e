"""Draw what a trained network's gates let through, on one slice of one test case.

    python benchmarks/gate_figure.py MODEL_FOLDER RAW_DATASET CASE -o gates.png

RAW_DATASET is the nnU-Net dataset that setup_dataset.py made; CASE is one of its cases (imagesTs or imagesTr). The slice
is the one with most lesion. A gate's picture is the weight it gives each voxel of its skip (with gates for each channel:
their mean), times the two channel weightings' means, on the stage's own grid.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from torch.nn import functional

from nnunet_multiphase.network.scam import SCAM
from nnunet_multiphase.phases import PHASE_TITLES
from nnunet_multiphase.prediction import load_model


def gates_of(network: torch.nn.Module, image: torch.Tensor) -> tuple[list[np.ndarray], np.ndarray]:
    """Run the network once.

    Args:
        network: DilatedSCAMUNet.
        image: Normalised, (1, C, Z, Y, X), divisible by the strides.

    Returns:
        The gates' maps (Z, Y, X), finest first, each on its own grid; and the predicted labels.
    """
    maps: list[np.ndarray] = []

    def note(scam: SCAM, inputs: tuple[torch.Tensor, torch.Tensor], output: torch.Tensor) -> None:
        x, g = inputs
        y = scam.weigh_in(x)
        weights = scam.gate.weights(y, g).mean(1)  # (1, Z, Y, X)
        passed = scam.weigh_in.weights(x).mean() * scam.weigh_out.weights(scam.gate(y, g)).mean()
        maps.append((weights * passed)[0].numpy())

    handles = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, SCAM)]
    with torch.no_grad():
        logits = network(image)
    for handle in handles:
        handle.remove()
    return maps[::-1], logits.argmax(1)[0].numpy()


def network_of(predictor: nnUNetPredictor) -> torch.nn.Module:
    """Give the network of a model's first fold."""
    network = predictor.network.eval()
    network.load_state_dict(predictor.list_of_parameters[0])
    return network


def normalised(
    predictor: nnUNetPredictor, dataset: Path, case: str
) -> tuple[torch.Tensor, np.ndarray, torch.Tensor]:
    """Preprocess a case of the dataset as the model's plans say.

    Returns:
        The phases (1, C, Z, Y, X), where the lesions are (Z, Y, X), and the phases padded to what the strides divide.
    """
    part = "Ts" if (dataset / "labelsTs" / f"{case}.nii.gz").is_file() else "Tr"
    channels = len(json.loads((dataset / "dataset.json").read_text())["phases"])
    data, seg, _ = predictor.configuration_manager.preprocessor_class(verbose=False).run_case(
        [str(dataset / f"images{part}" / f"{case}_{channel:04d}.nii.gz") for channel in range(channels)],
        str(dataset / f"labels{part}" / f"{case}.nii.gz"),
        predictor.plans_manager,
        predictor.configuration_manager,
        predictor.dataset_json,
    )
    image, truth = torch.from_numpy(np.asarray(data)).float()[None], np.asarray(seg)[0] > 0
    divisor = np.prod(predictor.configuration_manager.network_arch_init_kwargs["strides"], axis=0)
    padding = [int(-n % d) for n, d in zip(image.shape[2:], divisor, strict=True)]
    return image, truth, functional.pad(image, [p for n in reversed(padding) for p in (0, n)])


def main() -> None:
    """Predict a whole case in one piece and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL_FOLDER")
    parser.add_argument("dataset", type=Path, metavar="RAW_DATASET")
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    predictor = load_model(options.model, mirroring=False, progress=False).predictor
    network = network_of(predictor)
    image, truth, padded = normalised(predictor, options.dataset, options.case)
    phases = json.loads((options.dataset / "dataset.json").read_text())["phases"]
    maps, labels = gates_of(network, padded)
    depth = int(truth.sum((1, 2)).argmax())
    rows, columns = truth.any(0).any(1).nonzero()[0], truth.any(0).any(0).nonzero()[0]
    print(
        f"slice {depth}, lesions in rows {rows.min()}-{rows.max()}, columns {columns.min()}-{columns.max()}"
    )
    figure, axes = plt.subplots(
        2, max(len(phases), len(maps)), figsize=(3.1 * max(len(phases), len(maps)), 5.0)
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, phase, channel in zip(axes[0], phases, image[0].numpy(), strict=False):
        axis.imshow(channel[depth], cmap="gray", vmin=-3, vmax=3)
        axis.contour(truth[depth], [0.5], colors="#E69F00", linewidths=1.2)
        axis.contour(labels[depth], [0.5], colors="#56B4E9", linewidths=1.2, linestyles="dashed")
        axis.set_title(PHASE_TITLES[phase], fontsize=10)
    height, width = truth.shape[1:]
    for level, (axis, gate) in enumerate(zip(axes[1], maps, strict=False)):
        z = min(gate.shape[0] - 1, int((depth + 0.5) * gate.shape[0] / padded.shape[2]))
        scale = padded.shape[3] / gate.shape[1]
        shown = axis.imshow(
            gate[z],
            cmap="viridis",
            vmin=0,
            vmax=1,
            extent=(-0.5, gate.shape[2] * scale - 0.5, gate.shape[1] * scale - 0.5, -0.5),
        )
        axis.contour(truth[depth], [0.5], colors="#E69F00", linewidths=1.2)
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axis.set_title(
            f"gate {level + 1} (1/{scale:.0f} grid): {gate.min():.2f} to {gate.max():.2f}", fontsize=10
        )
    figure.colorbar(shown, ax=axes[1], fraction=0.02, pad=0.01)
    figure.savefig(options.output, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main()
