"""Compare an exported model with torch's, window by window and as a whole, on the same patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.answer import segmented
from nnunet_multiphase.models.description import ModelDescription
from nnunet_multiphase.models.exported_model import ExportedModel, networks_of
from nnunet_multiphase.models.session import Networks, installed_runtimes
from nnunet_multiphase.phases import FILL_HU

if TYPE_CHECKING:
    from nnunet_multiphase.models.nnunet_model import NnUNetModel

LOGIT_TOLERANCE = 5e-4
"""Share of the largest logit (at least 1) by which one window's logits may differ: float32 sums in another order. Measured:
1e-6 with both runtimes."""
PROBABILITY_TOLERANCE = 2e-3
"""By which a class's probability may differ, and twice that the two best classes' where a label may. Measured: 5e-5."""


@dataclass
class Equality:
    """Hold how an exported model's answers differ from torch's; each figure is the worst of all that was compared.

    Attributes:
        patients: Compared, those without a phase included.
        windows: Compared, of all folds.
        largest_logit: Of torch's networks.
        logit_difference: runtime -> of a window.
        voxels: Of all patients.
        labels_that_differ: runtime -> voxels.
        probability_difference: runtime -> of any class, on a patient's own grid.
        beyond_ties: runtime -> labels that differ although torch's decision was clear.
    """

    patients: int = 0
    windows: int = 0
    largest_logit: float = 0.0
    voxels: int = 0
    logit_difference: dict[str, float] = field(default_factory=dict)
    labels_that_differ: dict[str, int] = field(default_factory=dict)
    probability_difference: dict[str, float] = field(default_factory=dict)
    beyond_ties: dict[str, int] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Give it as it is written to model.json."""
        return {
            **asdict(self),
            "logit_tolerance": LOGIT_TOLERANCE,
            "probability_tolerance": PROBABILITY_TOLERANCE,
        }

    def lines(self) -> list[str]:
        """Tell it, a line for each runtime."""
        return [
            f"{runtime} against torch, {self.patients} patients, {self.windows} windows: logits differ by "
            f"{self.logit_difference[runtime]:.1e} at most (of {self.largest_logit:.1f}), probabilities by "
            f"{self.probability_difference[runtime]:.1e}, {self.labels_that_differ[runtime]} of {self.voxels} labels"
            for runtime in self.logit_difference
        ]

    def refuse(self) -> None:
        """Raise InputError where a difference is more than roundings."""
        for runtime, difference in self.logit_difference.items():
            allowed = LOGIT_TOLERANCE * max(1.0, self.largest_logit)
            if not difference <= allowed:
                raise InputError(
                    f"the exported network answers otherwise than torch with {runtime}: logits differ by {difference:.2g}, "
                    f"at most {allowed:.2g} was expected; nothing was written, update torch, onnxscript and the runtime"
                )
            probability, clear = self.probability_difference[runtime], self.beyond_ties[runtime]
            if not probability <= PROBABILITY_TOLERANCE or clear:
                raise InputError(
                    f"the exported model answers otherwise than nnU-Net with {runtime}: probabilities differ by "
                    f"{probability:.2g} (at most {PROBABILITY_TOLERANCE} was expected) and {clear} labels clearly; "
                    "nothing was written, please report it"
                )


def check_equality(
    model: NnUNetModel,
    description: ModelDescription,
    folder: Path,
    *,
    checks: Sequence[tuple[np.ndarray, Sequence[float]]] = (),
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Equality:
    """Segment patients with torch and with every installed runtime and compare, each patient also without a phase.

    Mirroring is left out: to a network a mirrored window is one more window. nnU-Net adds up in single precision for it,
    see `_summed_in_single_precision`.

    Args:
        model: Torch's.
        description: Of the exported model.
        folder: Where its networks lie.
        checks: Patients: phases (C, Z, Y, X) in HU and spacing in mm; none: noise with structure.
        seed: Of that noise.
        say: Takes a line of progress.

    Raises:
        InputError: They differ by more than roundings.
    """
    patients = list(checks) or [structured_noise(description, seed)]
    for phases, spacing in list(patients):
        if len(phases) > 1:
            lacking = phases.copy()
            lacking[-1] = FILL_HU
            patients.append((lacking, spacing))
    opened = {runtime: networks_of(folder, description.networks, runtime) for runtime in installed_runtimes()}
    equality = Equality()
    for runtime in opened:
        equality.logit_difference[runtime] = equality.probability_difference[runtime] = 0.0
        equality.labels_that_differ[runtime] = equality.beyond_ties[runtime] = 0
    for number, (phases, spacing) in enumerate(patients, 1):
        _compare(model, description, opened, phases, spacing, equality)
        say(f"compared patient {number} of {len(patients)}")
    equality.refuse()
    return equality


def structured_noise(description: ModelDescription, seed: int) -> tuple[np.ndarray, tuple[float, ...]]:
    """Make a patient: noise in air, body, liver and lesions, two windows long, on another spacing than the network's."""
    rng = np.random.default_rng(seed)
    target, patch = description.spacing_mm, description.patch_size
    if len(target) == 2:
        target, patch = (5.0, *target), (3, *patch)
    wanted = (patch[0] + patch[0] // 4 + 1, *patch[1:])
    spacing = tuple(t * f for t, f in zip(target, (1.2, 0.85, 0.9), strict=True))
    if len(description.spacing_mm) == 2:
        spacing = (target[0], *spacing[1:])
    shape = [int(np.ceil(n * t / s)) for n, t, s in zip(wanted, target, spacing, strict=True)]
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")

    def ball(z: float, y: float, x: float, radius: float) -> np.ndarray:
        return (axes[0] - z) ** 2 + (axes[1] - y) ** 2 + (axes[2] - x) ** 2 < radius**2

    body, liver = ball(0, 0, 0, 1.1), ball(0, -0.1, -0.2, 0.7)
    places = rng.uniform(-0.5, 0.4, (3, 3)).tolist()
    lesions = [ball(z, y, x, r) for (z, y, x), r in zip(places, (0.25, 0.15, 0.1), strict=True)]
    phases = []
    for channel in range(len(description.normalisation)):
        image = np.where(body, 40.0, FILL_HU)
        image[liver] = 60 + 20 * channel
        for lesion in lesions:
            image[lesion] = 100 - 20 * channel
        phases.append(image + body * rng.normal(0, 20, shape))
    network_order = np.stack(phases).astype(np.float32)
    backward = np.argsort(description.transpose_forward)
    return (
        np.ascontiguousarray(network_order.transpose(0, *(int(a) + 1 for a in backward))),
        tuple(float(spacing[a]) for a in backward),
    )


@contextmanager
def _summed_in_single_precision() -> Iterator[None]:
    """Let nnU-Net add up windows in single precision for once.

    It does so in half precision, which it takes from this name: at an image's corners, where windows weigh least, that alone
    moves its logits by up to 0.5, and hides what is to be compared.
    """
    import torch

    half = torch.half
    torch.half = torch.float32
    try:
        yield
    finally:
        torch.half = half


def _compare(
    model: NnUNetModel,
    description: ModelDescription,
    opened: dict[str, Networks],
    phases: np.ndarray,
    spacing_mm: Sequence[float],
    equality: Equality,
) -> None:
    predictor = model.predictor
    fold = -1

    def next_fold(*_: object) -> None:
        nonlocal fold
        fold += 1

    def compare_window(_: object, shown: tuple[Any, ...], answer: Any) -> None:
        expected = answer.detach().cpu().numpy()
        equality.windows += 1
        equality.largest_logit = max(equality.largest_logit, float(np.abs(expected).max()))
        for runtime, networks in opened.items():
            found = networks[fold](np.ascontiguousarray(shown[0].cpu().numpy()))
            networks.close()  # torch needs the memory
            difference = float(np.abs(found - expected).max())
            equality.logit_difference[runtime] = float(
                np.maximum(equality.logit_difference[runtime], difference)  # also where it is nan
            )

    hooks = [
        predictor.network.register_load_state_dict_post_hook(next_fold),
        predictor.network.register_forward_hook(compare_window),
    ]
    mirroring, predictor.use_mirroring = predictor.use_mirroring, False
    try:
        with _summed_in_single_precision():
            labels, probabilities = predictor.predict_single_npy_array(
                phases, {"spacing": [float(s) for s in spacing_mm]}, save_or_return_probabilities=True
            )
    finally:
        predictor.use_mirroring = mirroring
        for hook in hooks:
            hook.remove()
    probabilities = np.asarray(probabilities, np.float32)
    if description.region_values:
        clear = (np.abs(probabilities - 0.5) > PROBABILITY_TOLERANCE).all(0)
    else:
        best = np.partition(probabilities, -2, axis=0)
        clear = best[-1] - best[-2] > 2 * PROBABILITY_TOLERANCE
    equality.patients += 1
    equality.voxels += int(labels.size)
    for runtime, networks in opened.items():
        logits, shown = ExportedModel(description, networks, mirroring=False).logits(phases, spacing_mm)
        for head, expected in enumerate(probabilities):
            value = description.region_values[head] if description.region_values else head
            found = segmented(logits, shown, description, [value])
            difference = float(np.abs(found.lesion_probability - expected).max())
            equality.probability_difference[runtime] = float(
                np.maximum(equality.probability_difference[runtime], difference)
            )
        other = found.labels != labels
        equality.labels_that_differ[runtime] += int(other.sum())
        equality.beyond_ties[runtime] += int((other & clear).sum())
