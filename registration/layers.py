"""Hold a pair of volumes on both layers of the pyramid, and make similarities from regions of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.edges import edge_agreement
from registration.liver import find_liver, grown_to_its_edges
from registration.region import SamplePoints, body_region, mask_region, off_the_ends, sample_points
from registration.rigid import RigidMotion
from registration.settings import RegistrationSettings
from registration.similarity import MutualInformation
from registration.spline import Interpolant, cubic_interpolant, linear_interpolant, spline_coefficients
from registration.volume import Volume, image_on, index_from_world, world_from_index

THINNING = 5  # every fifth sample point leads to within a tenth of a mm; all of them need then only confirm


class LayeredPair:
    """Hold both pyramids with their spline coefficients, and make similarities from regions."""

    def __init__(
        self,
        reference_layers: tuple[Volume, ...],
        moving_layers: tuple[Volume, ...],
        settings: RegistrationSettings,
        pool: ThreadPoolExecutor | None,
        rng: np.random.Generator,
    ) -> None:
        self._reference_layers, self._moving_layers = reference_layers, moving_layers
        self._reference_coefficients = [spline_coefficients(layer.values) for layer in reference_layers]
        # All points of the bottom layer decide, by cubic splines; on the way there linear reading is as good, and cheap.
        self._linear = [linear_interpolant(layer.values) for layer in moving_layers]
        self._cubic = cubic_interpolant(moving_layers[-1].values)
        self._reference_linear = [linear_interpolant(layer.values) for layer in reference_layers]
        self._settings, self._pool, self._rng = settings, pool, rng
        self._body = body_region(
            reference_layers[0], threshold_hu=settings.body_threshold_hu, rim_mm=settings.body_rim_mm
        )
        self._made: list[MutualInformation] = []

    def body_regions(self) -> list[NDArray[np.bool_]]:
        """Give the body on every layer of the reference; found on the top one, kept off the ends on the others.

        The swarm needs every slice it can get; an exact fit is drawn aside by those where the moving volume ends.
        """
        top = self._reference_layers[0]
        below = [
            off_the_ends(on_layer(self._body, top, layer), layer, self._settings.cut_mm)
            for layer in self._reference_layers[1:]
        ]
        return [self._body, *below]

    def mask_regions(self, mask: NDArray[np.bool_], grid: Volume) -> list[NDArray[np.bool_]]:
        """Give the region about a mask on every layer of the reference.

        Args:
            mask: Boolean array (z, y, x).
            grid: The volume whose voxels it marks: the reference, or a layer of it.
        """
        margin_mm, cut_mm = self._settings.region_margin_mm, self._settings.cut_mm
        region = mask_region(mask, grid, margin_mm=margin_mm, cut_mm=cut_mm)
        return [on_layer(region, grid, layer) for layer in self._reference_layers]

    def find_liver(self) -> tuple[NDArray[np.bool_], Volume] | None:
        """Find the liver on the bottom layer of the reference, and give that layer too; none where none is found."""
        top, bottom = self._reference_layers[0], self._reference_layers[-1]
        liver = find_liver(top, self._body)
        return None if liver is None else (grown_to_its_edges(on_layer(liver, top, bottom), bottom), bottom)

    def bottom_mask(self, region: NDArray[np.bool_]) -> sitk.Image:
        """Give a region of the bottom layer as an image on its grid."""
        return image_on(region.astype(np.uint8), self._reference_layers[-1])

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
    ) -> list[MutualInformation]:
        """Give the bottom layer's similarity of each half of a region, below and above its middle along each axis.

        Only what lies in the moving volume's data by the motion found can say anything, and is halved.

        Args:
            region: The region on the bottom layer.
            window_hu: Range of values.
            motion: About the centre that the halves' motions are to turn about.
        """
        layer, moving = self._reference_layers[-1], self._moving_layers[-1]
        samples = self._draw(-1, region, 2 * self._settings.half_samples)
        places = index_from_world(moving, motion.move(samples.points))
        inside = ((places >= 0) & (places <= np.array(moving.values.shape) - 1)).all(axis=1)
        points, values = samples.points[inside], samples.values[inside]
        if not len(points):
            return []
        along = (points - motion.centre) @ layer.directions
        below = along < np.median(along, axis=0)
        return [
            self._keep(
                self._similarity(
                    SamplePoints(points[half], values[half]),
                    moving,
                    self._linear[-1],
                    motion.centre,
                    window_hu,
                )
            )
            for axis in range(3)
            for half in (below[:, axis], ~below[:, axis])
            if half.any()
        ]

    def edges(self, mask: NDArray[np.bool_], grid: Volume, motion: RigidMotion) -> float | None:
        """Give the agreement of a mask's edges on the bottom layer, by a motion; the grid as in `mask_regions`."""
        layer = self._reference_layers[-1]
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
        reference, interpolant = self._reference_layers[layer], self._reference_linear[layer]
        return self._keep(self._similarity(like.samples, reference, interpolant, like.centre, window_hu))

    def evaluations(self) -> int:
        """Count the motions that were scored."""
        return sum(similarity.evaluations for similarity in self._made)

    def _draw(self, layer: int, region: NDArray[np.bool_], count: int) -> SamplePoints:
        return sample_points(
            self._reference_layers[layer],
            region,
            count=count,
            rng=self._rng,
            coefficients=self._reference_coefficients[layer],
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


def on_layer(region: NDArray[np.bool_], grid: Volume, layer: Volume) -> NDArray[np.bool_]:
    """Look a region up at the voxel centres of another layer of the same volume."""
    axes = []
    for axis, size in enumerate(layer.values.shape):
        ends = np.zeros((2, 3))
        ends[1, axis] = size - 1
        first, last = index_from_world(grid, world_from_index(layer, ends))[:, axis]
        steps = np.rint(np.linspace(first, last, size)).astype(int)
        axes.append(np.clip(steps, 0, region.shape[axis] - 1))
    found = region[np.ix_(*axes)]
    if region.any() and not found.any():
        # A region smaller than this layer's voxels: take the voxel that holds its middle.
        middle = np.argwhere(region).mean(axis=0)[None]
        nearest = np.rint(index_from_world(layer, world_from_index(grid, middle)))[0].astype(int)
        found[tuple(np.clip(nearest, 0, np.array(found.shape) - 1))] = True
    return found


@contextmanager
def helper_thread(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Lend one more thread, if more than one is wanted; the calling thread is the other."""
    if threads < 2:
        yield None
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="registration") as pool:
        yield pool
