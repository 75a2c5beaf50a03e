"""Score a motion: normalised mutual information of the joint histogram, with a penalty on little overlap.

NMI = (H(reference) + H(moving)) / H(reference, moving), from 1 (independent) to 2 (each tells the other):
Studholme, Hill, Hawkes: An overlap invariant entropy measure of 3D medical image alignment, Pattern
Recognition 1999, doi:10.1016/S0031-3203(98)00091-0.
"""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from registration.compiled import compiled
from registration.region import SamplePoints
from registration.rigid import rotation_matrices
from registration.spline import Interpolant, add_joint_histograms, cubic_interpolant, fill_shares
from registration.volume import Volume

# Samples a thread takes at once. Fixed, so that sums are formed in the same order on any number of threads.
CHUNK = 4_000


def normalised_mutual_information(histograms: ArrayLike) -> NDArray[np.float64]:
    """Compute (H(rows) + H(columns)) / H(joint).

    Args:
        histograms: Counts, (..., rows, columns); they need not be integers.

    Returns:
        Array (...), each 1..2; 1 for an empty histogram and for one with a single occupied cell.
    """
    counts = np.asarray(histograms, dtype=np.float64)
    flat = np.ascontiguousarray(counts.reshape(-1, *counts.shape[-2:]))
    return np.asarray(_normalised_mutual_information(flat).reshape(counts.shape[:-2]))


@compiled()
def _normalised_mutual_information(histograms):  # type: ignore[no-untyped-def]
    """Compute it for each of (n, rows, columns); with c counts of N, H = log N - sum(c log c) / N."""
    result = np.ones(len(histograms))
    for n in range(len(histograms)):
        histogram = histograms[n]
        rows, columns = np.zeros(histogram.shape[0]), np.zeros(histogram.shape[1])
        joint = 0.0
        for i in range(histogram.shape[0]):
            for j in range(histogram.shape[1]):
                count = histogram[i, j]
                if count > 0.0:
                    joint += count * np.log(count)
                    rows[i] += count
                    columns[j] += count
        total = rows.sum()
        if total > 0.0:
            marginal = 0.0
            for count in rows:
                if count > 0.0:
                    marginal += count * np.log(count)
            for count in columns:
                if count > 0.0:
                    marginal += count * np.log(count)
            h_joint = np.log(total) - joint / total
            if h_joint > 1e-12:
                result[n] = (2.0 * np.log(total) - marginal / total) / h_joint
    return result


class MutualInformation:
    """Score rigid motions of one set of reference sample points over one moving layer.

    Calling it with parameters (n, 6) about `centre` gives scores (n,); larger is better.
    """

    def __init__(
        self,
        samples: SamplePoints,
        moving: Volume,
        *,
        centre: NDArray[np.float64],
        bins: tuple[int, int],
        window_hu: tuple[float, float],
        minimal_overlap: float,
        pool: ThreadPoolExecutor | None = None,
        interpolant: Interpolant | None = None,
    ) -> None:
        """Prepare what stays the same from motion to motion.

        Args:
            samples: Points of the reference and its values there.
            moving: The moving layer.
            centre: Centre of rotation, world mm.
            bins: Bins for reference and moving.
            window_hu: Range that the bins cover; values beyond fall into the outermost bins.
            minimal_overlap: Penalise below this fraction of points inside the moving's data.
            pool: Threads to share the work; none = this thread.
            interpolant: How the moving layer is read between its voxels; none = by cubic splines.
        """
        if len(samples.points) == 0:
            raise ValueError("The similarity needs at least one sample point, but got none.")
        low, high = window_hu
        place = (np.asarray(samples.values, dtype=np.float64) - low) / (high - low) * bins[0]
        self._reference_bins = np.clip(place, 0, bins[0] - 1).astype(np.int32)
        self._points = np.ascontiguousarray((samples.points - centre).T, dtype=np.float32)
        self._interpolant = interpolant or cubic_interpolant(moving.values)
        self._world_to_index = np.linalg.inv(moving.index_to_world)
        self._origin = moving.origin
        self._low, self._per_unit = low, (bins[1] - 1) / (high - low)
        self._pool = pool
        self.samples = samples
        self.centre = np.asarray(centre, dtype=np.float64)
        self.bins = bins
        self.minimal_overlap = minimal_overlap
        self.evaluations = 0

    def thinned(self, step: int) -> MutualInformation:
        """Give the same similarity by every step-th sample point."""
        thin = copy.copy(self)
        thin.samples = SamplePoints(self.samples.points[::step], self.samples.values[::step])
        thin._reference_bins = self._reference_bins[::step].copy()
        thin._points = np.ascontiguousarray(self._points[:, ::step])
        thin.evaluations = 0
        return thin

    def __call__(self, parameters: ArrayLike) -> NDArray[np.float64]:
        """Give the scores (n,) of motions (n, 6): NMI, less up to 1 where the overlap is too small."""
        scores, overlap = self.measure(parameters)
        if self.minimal_overlap > 0:
            scores = scores - np.maximum(0.0, 1.0 - overlap / self.minimal_overlap)
        return scores

    def measure(self, parameters: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give NMI without penalty (n,) and overlap (n,; 0..1) of motions (n, 6)."""
        histograms, inside = self.joint_histograms(parameters)
        return normalised_mutual_information(histograms), inside / len(self._reference_bins)

    def joint_histograms(self, parameters: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give the joint histograms (n, bins, bins) of motions (n, 6), and the points inside (n,)."""
        affines = self._affines(np.atleast_2d(np.asarray(parameters, dtype=np.float64)))
        chunks = -(-len(self._reference_bins) // CHUNK)
        histograms = np.zeros((len(affines), chunks, *self.bins))
        inside = np.zeros((len(affines), chunks), dtype=np.int64)

        def work(first: int, step: int) -> None:
            add_joint_histograms(
                self._interpolant.table,
                self._interpolant.cubic,
                self._points,
                self._reference_bins,
                affines,
                self._low,
                self._per_unit,
                CHUNK,
                first,
                step,
                histograms,
                inside,
            )

        if self._pool is None or inside.size == 1:
            work(0, 1)
        else:
            # The caller's own thread works too: a pool of one worker makes two threads.
            half = self._pool.submit(work, 1, 2)
            work(0, 2)
            half.result()
        self.evaluations += len(affines)
        return histograms.sum(axis=1), inside.sum(axis=1)

    def shares(self, parameters: ArrayLike, motion: ArrayLike) -> NDArray[np.float64]:
        """Give each sample point's share in the similarity, about one motion, so that their sums' differences are its own.

        The similarity is taken to first order in the joint histogram H about `motion`: NMI log p(r, m) - log p(m), over
        the joint entropy and the number of points, up to a constant.

        Args:
            parameters: Motions (n, 6).
            motion: The one (6,) that the histogram is taken from.

        Returns:
            Shares (n, points); NaN outside the moving volume's data.
        """
        histogram = self.joint_histograms(motion)[0][0]
        count = max(histogram.sum(), 1.0)
        # Half a count keeps the logarithm of a cell that no point fell into finite.
        joint = np.log((histogram + 0.5) / count)
        moving = np.log((histogram.sum(axis=0) + 0.5) / count)
        nmi = float(normalised_mutual_information(histogram))
        filled = histogram[histogram > 0] / count
        entropy = max(-float((filled * np.log(filled)).sum()), 1e-12)
        weights = (nmi * joint - moving) / (entropy * count)
        affines = self._affines(np.atleast_2d(np.asarray(parameters, dtype=np.float64)))
        shares = np.empty((len(affines), len(self._reference_bins)))

        def work(first: int, step: int) -> None:
            fill_shares(
                self._interpolant.table,
                self._interpolant.cubic,
                self._points,
                self._reference_bins,
                affines,
                self._low,
                self._per_unit,
                weights,
                first,
                step,
                shares,
            )

        if self._pool is None:
            work(0, 1)
        else:
            half = self._pool.submit(work, 1, 2)
            work(0, 2)
            half.result()
        return shares

    def _affines(self, parameters: NDArray[np.float64]) -> NDArray[np.float32]:
        """Give the maps (n, 3, 4) from centred sample points to the moving layer's positions (z, y, x)."""
        affines = np.empty((len(parameters), 3, 4), dtype=np.float32)
        affines[:, :, :3] = (self._world_to_index @ rotation_matrices(parameters))[:, ::-1]
        shift = (parameters[:, 3:] + self.centre - self._origin) @ self._world_to_index.T
        affines[:, :, 3] = shift[:, ::-1]
        return affines
