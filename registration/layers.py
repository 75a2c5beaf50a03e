"""Hold a pair of volumes on both layers of the pyramid, and make similarities from regions of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.edges import edge_agreement
from registration.pyramid import on_layer
from registration.reference import PreparedReference
from registration.region import SamplePoints, mask_region, sample_points
from registration.rigid import RigidMotion
from registration.similarity import MutualInformation
from registration.spline import Interpolant, cubic_interpolant, linear_interpolant
from registration.volume import Volume, image_on, index_from_world

THINNING = 5  # every fifth sample point leads to within a tenth of a mm; all of them need then only confirm


class LayeredPair:
    """Hold both pyramids with their spline coefficients, and make similarities from regions."""

    def __init__(
        self,
        reference: PreparedReference,
        moving_layers: tuple[Volume, ...],
        pool: ThreadPoolExecutor | None,
        rng: np.random.Generator,
    ) -> None:
        self._reference, self._moving_layers = reference, moving_layers
        # All points of the bottom layer decide, by cubic splines; on the way there linear reading is as good, and cheap.
        self._linear = [linear_interpolant(layer.values) for layer in moving_layers]
        self._cubic = cubic_interpolant(moving_layers[-1].values)
        self._settings, self._pool, self._rng = reference.settings, pool, rng
        self._made: list[MutualInformation] = []

    @property
    def slice_axis(self) -> NDArray[np.float64]:
        """Give the unit vector (3,) along the moving volume's slices."""
        return self._moving_layers[-1].slice_axis

    def mask_regions(self, mask: NDArray[np.bool_], grid: Volume) -> list[NDArray[np.bool_]]:
        """Give the region about a mask on every layer of the reference.

        Args:
            mask: Boolean array (z, y, x).
            grid: The volume whose voxels it marks: the reference, or a layer of it.
        """
        margin_mm, cut_mm = self._settings.region_margin_mm, self._settings.cut_mm
        region = mask_region(mask, grid, margin_mm=margin_mm, cut_mm=cut_mm)
        return [on_layer(region, grid, layer) for layer in self._reference.layers]

    def bottom_mask(self, region: NDArray[np.bool_]) -> sitk.Image:
        """Give a region of the bottom layer as an image on its grid."""
        return image_on(region.astype(np.uint8), self._reference.layers[-1])

    def top(self, region: NDArray[np.bool_], window_hu: tuple[float, float]) -> MutualInformation:
        """Give the top layer's similarity of a region; it turns about the sample points' middle."""
        samples = self._draw(0, region, self._settings.top_samples)
        return self._keep(
            self._similarity(
                samples, self._moving_layers[0], self._linear[0], samples.points.mean(axis=0), window_hu
            )
        )

    def bottom(
        self, region: NDArray[np.bool_], window_hu: tuple[float, float], centre: NDArray[np.float64]
    ) -> tuple[MutualInformation, MutualInformation]:
        """Give the bottom layer's similarities of a region: by every fifth sample point, and by all.

        Args:
            region: The region on the bottom layer.
            window_hu: Range of values.
            centre: Centre of rotation, world mm.
        """
        samples = self._draw(-1, region, self._settings.bottom_samples)
        thinned = SamplePoints(samples.points[::THINNING], samples.values[::THINNING])
        layer = self._moving_layers[-1]
        return (
            self._keep(self._similarity(thinned, layer, self._linear[-1], centre, window_hu)),
            self._keep(self._similarity(samples, layer, self._cubic, centre, window_hu)),
        )

    def halves(
        self,
        region: NDArray[np.bool_],
        window_hu: tuple[float, float],
        motion: RigidMotion,
    ) -> tuple[list[MutualInformation], list[MutualInformation]]:
        """Give the bottom layer's similarity of each half of a region, and of its first and last quarter of the slices.

        The halves lie below and above its middle along each axis; the quarters along the moving volume's slices.

        Only what lies in the moving volume's data by the motion found can say anything, and is halved.

        Args:
            region: The region on the bottom layer.
            window_hu: Range of values.
            motion: About the centre that the halves' motions are to turn about.
        """
        layer, moving = self._reference.layers[-1], self._moving_layers[-1]
        samples = self._draw(-1, region, 2 * self._settings.half_samples)
        places = index_from_world(moving, motion.move(samples.points))
        inside = ((places >= 0) & (places <= np.array(moving.values.shape) - 1)).all(axis=1)
        points, values = samples.points[inside], samples.values[inside]
        if not len(points):
            return [], []
        along = (points - motion.centre) @ layer.directions
        below = along < np.median(along, axis=0)
        slices = places[inside][:, 0]
        first, last = np.quantile(slices, [0.25, 0.75])

        def similarity(part: NDArray[np.bool_]) -> MutualInformation:
            samples = SamplePoints(points[part], values[part])
            return self._keep(self._similarity(samples, moving, self._linear[-1], motion.centre, window_hu))

        halves = [half for axis in range(3) for half in (below[:, axis], ~below[:, axis])]
        return (
            [similarity(half) for half in halves if half.any()],
            [similarity(end) for end in (slices <= first, slices >= last)],
        )

    def edges(self, mask: NDArray[np.bool_], grid: Volume, motion: RigidMotion) -> float | None:
        """Give the agreement of a mask's edges on the bottom layer, by a motion; the grid as in `mask_regions`."""
        layer = self._reference.layers[-1]
        return edge_agreement(
            on_layer(mask, grid, layer),
            layer,
            self._moving_layers[-1],
            motion,
            window_hu=self._settings.region_window_hu,
            cut_mm=self._settings.cut_mm,
        )

    def self_similarity(
        self, like: MutualInformation, window_hu: tuple[float, float], layer: int
    ) -> MutualInformation:
        """Give a similarity of a layer (0 = top, -1 = bottom) with the reference in the moving volume's place."""
        reference, interpolant = self._reference.layers[layer], self._reference.linear[layer]
        return self._keep(self._similarity(like.samples, reference, interpolant, like.centre, window_hu))

    def evaluations(self) -> int:
        """Count the motions that were scored."""
        return sum(similarity.evaluations for similarity in self._made)

    def _draw(self, layer: int, region: NDArray[np.bool_], count: int) -> SamplePoints:
        return sample_points(
            self._reference.layers[layer],
            region,
            count=count,
            rng=self._rng,
            coefficients=self._reference.coefficients[layer],
        )

    def _keep(self, similarity: MutualInformation) -> MutualInformation:
        """Remember it for the count of evaluations."""
        self._made.append(similarity)
        return similarity

    def _similarity(
        self,
        samples: SamplePoints,
        layer: Volume,
        interpolant: Interpolant,
        centre: NDArray[np.float64],
        window_hu: tuple[float, float],
    ) -> MutualInformation:
        return MutualInformation(
            samples,
            layer,
            centre=centre,
            bins=self._settings.bins,
            window_hu=window_hu,
            minimal_overlap=self._settings.minimal_overlap,
            pool=self._pool,
            interpolant=interpolant,
        )


@contextmanager
def helper_thread(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Lend one more thread, if more than one is wanted; the calling thread is the other."""
    if threads < 2:
        yield None
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="registration") as pool:
        yield pool
