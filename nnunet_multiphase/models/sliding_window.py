"""Show the network one window after the other and average what it says, as nnU-Net's predictor does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from nnunet_multiphase.errors import InputError

Network = Callable[[np.ndarray], np.ndarray]
"""Takes (1, C, *patch) float32 and gives logits (1, heads, *patch) float32, a new array each time."""

STEP = 0.5
"""Windows are at most this share of the patch apart, as nnU-Net's are."""
SIGMA = 1 / 8
"""Of the weights that fall off from a window's centre, in patches."""


def window_starts(shape: Sequence[int], patch: Sequence[int], step: float = STEP) -> list[tuple[int, ...]]:
    """List where windows begin; a patch of two axes passes through every slice.

    Args:
        shape: Of the image, no smaller than the patch.
        patch: Of the network.
        step: From window to window at most, in patches.
    """
    starts = []
    for n, size in zip(shape[-len(patch) :], patch, strict=True):
        steps = int(np.ceil((n - size) / (size * step))) + 1
        apart = (n - size) / (steps - 1) if steps > 1 else 0
        starts.append([int(np.round(apart * number)) for number in range(steps)])
    slices = [range(shape[0])] if len(patch) == 2 else []
    return list(product(*slices, *starts))


def window_weights(patch: Sequence[int]) -> np.ndarray:
    """Weigh a window's voxels by a Gaussian around its centre, 10 there, never 0, in half precision as nnU-Net's."""
    point = np.zeros(tuple(patch))
    point[tuple(size // 2 for size in patch)] = 1
    weights = gaussian_filter(point, [size * SIGMA for size in patch], mode="constant")
    weights = (10 * weights / weights.max()).astype(np.float16).astype(np.float32)
    weights[weights == 0] = weights[weights > 0].min()
    return weights


def mirrored_mean(network: Network, window: np.ndarray, mirror_axes: Sequence[int]) -> np.ndarray:
    """Average a network's logits over a window (1, C, *patch) mirrored along every choice of axes."""
    total = network(window)
    choices = [c for k in range(len(mirror_axes)) for c in combinations(mirror_axes, k + 1)]
    for choice in choices:
        axes = tuple(axis + 2 for axis in choice)
        total += np.flip(network(np.ascontiguousarray(np.flip(window, axes))), axes)
    if choices:
        total /= len(choices) + 1
    return total


def window_logits(
    networks: Iterable[Network],
    image: np.ndarray,
    patch: Sequence[int],
    heads: int,
    mirror_axes: Sequence[int] = (),
    step: float = STEP,
) -> np.ndarray:
    """Give the mean logits of several networks over a whole image.

    Args:
        networks: One a fold.
        image: (C, Z, Y, X) float32; where it is smaller than the patch it is padded with 0.
        patch: Two or three axes.
        heads: Channels of the answer.
        mirror_axes: Of the patch.
        step: From window to window at most, in patches.

    Returns:
        (heads, Z, Y, X) float32.

    Raises:
        InputError: A network answers in another shape.
    """
    lacking = [0] * (4 - len(patch)) + [
        max(0, size - n) for n, size in zip(image.shape[-len(patch) :], patch, strict=True)
    ]
    before = [n // 2 for n in lacking]
    inner = (slice(None), *(slice(b, b + n) for b, n in zip(before[1:], image.shape[1:], strict=True)))
    if any(lacking):
        image = np.pad(image, [(b, n - b) for b, n in zip(before, lacking, strict=True)])
    shape = image.shape[1:]
    weights = window_weights(patch)
    sums = np.zeros((heads, *shape), np.float32)
    weight_sum = np.zeros(shape, np.float32)
    starts = window_starts(shape, patch, step)
    for network in networks:
        for start in starts:
            place = _window(start, patch)
            window = np.ascontiguousarray(image[place])[None]
            answer = mirrored_mean(network, window, mirror_axes)
            if answer.shape != (1, heads, *window.shape[2:]):
                raise InputError(
                    f"the network answers {' x '.join(map(str, answer.shape))} values where model.json has "
                    f"{' x '.join(map(str, (1, heads, *window.shape[2:])))} expected: export the model again"
                )
            logits = answer[0]
            logits *= weights
            sums[place] += logits
            weight_sum[place[1:]] += weights
    sums /= weight_sum
    return sums[inner]


def _window(start: Sequence[int], patch: Sequence[int]) -> tuple[Any, ...]:
    """Index a window in (C, Z, Y, X); a patch of two axes in one slice."""
    ends = zip(start[-len(patch) :], patch, strict=True)
    return (slice(None), *start[: len(start) - len(patch)], *(slice(s, s + n) for s, n in ends))
