"""Train a network for a time on volumes that lie on the device, and score it on held-out ones.

Torch alone, not nnU-Net's trainers: those read preprocessed folders by worker processes, whose speed would be measured
beside the network's, and they need a dozen packages more. What is left out for every network alike: augmentation but
mirroring, and our trainer's dropped and moved phases.
"""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gpu_cohort import Case, Normalisation
from monai.inferers import sliding_window_inference
from network import Recipe, take_step

from nnunet_multiphase.evaluation.matching import match_masks
from nnunet_multiphase.evaluation.scores import detection_rates
from nnunet_multiphase.phases import FILL_HU

FOREGROUND_SHARE = 1 / 3
"""Share of the patches that hold a lesion for certain; nnU-Net's oversampling."""
POLY_EXPONENT = 0.9


class Patches:
    """Draw patches from volumes that stay on the device."""

    def __init__(
        self,
        cases: Sequence[Case],
        scale: Normalisation,
        patch: Sequence[int],
        device: torch.device,
        seed: int,
    ) -> None:
        self.patch = np.asarray(patch)
        self.rng = np.random.default_rng(seed)
        self.images = [padded(scale, case.hu, patch).to(device) for case in cases]
        self.lesions = [np.argwhere(case.lesions) for case in cases]
        self.masks = [
            torch.from_numpy(np.pad(case.lesions, behind(case.lesions.shape, patch))).to(device)
            for case in cases
        ]

    def draw(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw images (B, C, Z, Y, X) and labels (B, 1, Z, Y, X), both float32, mirrored at random."""
        forced = max(1, round(batch * FOREGROUND_SHARE))  # nnU-Net forces one of two
        images, labels = [], []
        for i in range(batch):
            case = int(self.rng.integers(len(self.images)))
            room = np.asarray(self.masks[case].shape) - self.patch
            corner = self.rng.integers(0, room + 1)
            if i >= batch - forced and len(self.lesions[case]):
                voxel = self.lesions[case][self.rng.integers(len(self.lesions[case]))]
                corner = np.clip(voxel - self.patch // 2, 0, room)
            z, y, x = (slice(int(c), int(c + n)) for c, n in zip(corner, self.patch, strict=True))
            flips = [axis + 1 for axis in range(3) if self.rng.random() < 0.5]
            images.append(self.images[case][:, z, y, x].flip(flips))
            labels.append(self.masks[case][None, z, y, x].flip(flips))
        return torch.stack(images).float(), torch.stack(labels).float()


def behind(shape: Sequence[int], patch: Sequence[int]) -> list[tuple[int, int]]:
    """Say how much to pad each axis, behind, until a patch fits."""
    return [(0, max(0, n - size)) for n, size in zip(patch, shape, strict=True)]


def padded(scale: Normalisation, hu: np.ndarray, patch: Sequence[int]) -> torch.Tensor:
    """Normalise HU (C, Z, Y, X), padded with air until a patch fits."""
    with_air = np.pad(hu, [(0, 0), *behind(hu.shape[1:], patch)], constant_values=FILL_HU)
    return torch.from_numpy(scale.apply(with_air))


def train(
    recipe: Recipe, patches: Patches, *, batch: int, seconds: float, memory_format: torch.memory_format
) -> tuple[int, float, float]:
    """Take as many steps as fit, at least one; the learning rate falls to 0 with the time (poly, as nnU-Net's).

    Args:
        recipe: Network, loss and optimiser.
        patches: Source of batches.
        batch: Patches a step.
        seconds: Wall time that may be used.
        memory_format: Of the images.

    Returns:
        Steps, seconds used, mean loss of the last tenth of the steps.
    """
    full = [group["lr"] for group in recipe.optimizer.param_groups]
    recipe.network.train()
    losses: list[torch.Tensor] = []
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not losses:
        fraction = min(1.0, spent / seconds)
        for group, rate in zip(recipe.optimizer.param_groups, full, strict=True):
            group["lr"] = rate * (1 - fraction) ** POLY_EXPONENT
        x, labels = patches.draw(batch)
        losses.append(take_step(recipe, x.contiguous(memory_format=memory_format), labels))
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)  # else steps pile up behind the clock
    last = losses[-max(1, len(losses) // 10) :]
    return len(losses), time.perf_counter() - start, float(torch.stack(last).float().mean())


@torch.no_grad()
def score(
    recipe: Recipe, cases: Sequence[Case], scale: Normalisation, patch: Sequence[int], device: torch.device
) -> dict[str, Any]:
    """Segment the held-out cases by sliding windows and compare with the truth.

    Returns:
        "dice": mean over the cases with lesions, "dice_by_case" in their order; "lesion_f1" over all lesions (nan
        without any on either side); "false_positives_per_case".
    """
    recipe.network.eval()
    dices, counts = [], {"found": 0, "missed": 0, "false": 0}
    for case in cases:
        image = padded(scale, case.hu, patch).float()[None].to(device)
        with torch.autocast(device.type, recipe.autocast, enabled=recipe.autocast is not None):
            logits = sliding_window_inference(
                image, tuple(patch), 1, lambda window: recipe.network(window)[0].float(), 0.5, "gaussian"
            )
        z, y, x = case.lesions.shape
        found = logits[0].argmax(0)[:z, :y, :x].cpu().numpy() > 0
        truth = case.lesions > 0
        both = int(found.sum() + truth.sum())
        if truth.any():
            dices.append(2 * int((found & truth).sum()) / both)
        for match in match_masks(found, truth):
            counts[match.outcome] += 1
    return {
        "dice": float(np.mean(dices)) if dices else math.nan,
        "dice_by_case": dices,
        "lesion_f1": detection_rates(counts["found"], counts["missed"], counts["false"])[2],
        "false_positives_per_case": counts["false"] / len(cases),
    }
