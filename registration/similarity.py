"""Score a motion: normalised mutual information of the joint histogram, with a penalty on little overlap.

NMI = (H(reference) + H(moving)) / H(reference, moving), from 1 (independent) to 2 (each tells the other):
Studholme, Hill, Hawkes: An overlap invariant entropy measure of 3D medical image alignment, Pattern
Recognition 1999, doi:10.1016/S0031-3203(98)00091-0.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from registration.rigid import rotation_matrices
from registration.spline import add_joint_histogram, spline_coefficients
from registration.volume import Volume

# Samples a thread takes at once. Fixed, so that sums are formed in the same order on any number of threads.
CHUNK = 16_384


def normalised_mutual_information(histograms: ArrayLike) -> NDArray[np.float64]:
    """Compute (H(rows) + H(columns)) / H(joint).

    Args:
        histograms: Counts, (..., rows, columns); they need not be integers.

    Returns:
        Array (...), each 1..2; 1 for an empty histogram and for one with a single occupied cell.
    """
    counts = np.asarray(histograms, dtype=np.float64)
    total = counts.sum(axis=(-2, -1), keepdims=True)
    joint = counts / np.where(total > 0, total, 1)
    h_joint = _entropy(joint.reshape(*joint.shape[:-2], -1))
    h_marginals = _entropy(joint.sum(axis=-1)) + _entropy(joint.sum(axis=-2))
    defined = h_joint > 1e-12
    return np.where(defined, h_marginals / np.where(defined, h_joint, 1), 1.0)


def _entropy(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy in nats over the last axis; 0 log 0 = 0."""
    return -(probabilities * np.log(np.where(probabilities > 0, probabilities, 1))).sum(axis=-1)


class MutualInformation:
    """Score rigid motions of one set of reference sample points over one moving layer.

    Calling it with parameters (n, 6) about `centre` gives scores (n,); larger is better.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        reference_values: NDArray,
        moving: Volume,
        *,
        centre: NDArray[np.float64],
        bins: tuple[int, int],
        window_hu: tuple[float, float],
        minimal_overlap: float,
        pool: ThreadPoolExecutor | None = None,
        coefficients: NDArray[np.float32] | None = None,
    ) -> None:
        """Prepare what stays the same from motion to motion.

        Args:
            points: Sample points of the reference (n, 3), world mm.
            reference_values: The reference there (n,), HU.
            moving: The moving layer.
            centre: Centre of rotation, world mm.
            bins: Bins for reference and moving.
            window_hu: Range that the bins cover; values beyond fall into the outermost bins.
            minimal_overlap: Penalise below this fraction of points inside the moving's data.
            pool: Threads to share the work; none = this thread.
            coefficients: The moving layer's spline coefficients, where they are known already.
        """
        if len(points) == 0:
            raise ValueError("The similarity needs at least one sample point, but got none.")
        low, high = window_hu
        place = (np.asarray(reference_values, dtype=np.float64) - low) / (high - low) * bins[0]
        self._reference_bins = np.clip(place, 0, bins[0] - 1).astype(np.int32)
        self._points = np.ascontiguousarray(points - centre, dtype=np.float32)
        self._coefficients = spline_coefficients(moving.values) if coefficients is None else coefficients
        self._world_to_index = np.linalg.inv(moving.index_to_world)
        self._origin = moving.origin
        self._low, self._per_unit = low, (bins[1] - 1) / (high - low)
        self._pool = pool
        self.centre = np.asarray(centre, dtype=np.float64)
        self.bins = bins
        self.minimal_overlap = minimal_overlap
        self.evaluations = 0

    def __call__(self, parameters: ArrayLike) -> NDArray[np.float64]:
        """Give the scores (n,) of motions (n, 6): NMI, less up to 1 where the overlap is too small."""
        scores, overlap = self.measure(parameters)
        if self.minimal_overlap > 0:
            scores = scores - np.maximum(0.0, 1.0 - overlap / self.minimal_overlap)
        return scores

    def measure(self, parameters: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give NMI without penalty (n,) and overlap (n,; 0..1) of motions (n, 6)."""
        histograms, inside = self.joint_histograms(parameters)
        return normalised_mutual_information(histograms), inside / len(self._points)

    def joint_histograms(self, parameters: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give the joint histograms (n, bins, bins) of motions (n, 6), and the points inside (n,)."""
        affines = self._affines(np.atleast_2d(np.asarray(parameters, dtype=np.float64)))
        starts = range(0, len(self._points), CHUNK)
        tasks = [(motion, chunk) for motion in range(len(affines)) for chunk in range(len(starts))]
        histograms = np.zeros((len(affines), len(starts), *self.bins))
        inside = np.zeros((len(affines), len(starts)), dtype=np.int64)

        def work(part: list[tuple[int, int]]) -> None:
            for motion, chunk in part:
                samples = slice(starts[chunk], starts[chunk] + CHUNK)
                inside[motion, chunk] = add_joint_histogram(
                    self._coefficients,
                    self._points[samples],
                    self._reference_bins[samples],
                    affines[motion],
                    self._low,
                    self._per_unit,
                    histograms[motion, chunk],
                )

        if self._pool is None or len(tasks) == 1:
            work(tasks)
        else:
            # The caller's own thread works too: a pool of one worker makes two threads.
            half = self._pool.submit(work, tasks[1::2])
            work(tasks[::2])
            half.result()
        self.evaluations += len(affines)
        return histograms.sum(axis=1), inside.sum(axis=1)

    def _affines(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the maps (n, 3, 4) from centred sample points to the moving layer's positions (z, y, x)."""
        linear = self._world_to_index @ rotation_matrices(parameters)
        shift = (parameters[:, 3:] + self.centre - self._origin) @ self._world_to_index.T
        return np.ascontiguousarray(np.concatenate([linear, shift[..., None]], axis=-1)[:, ::-1])
