"""Hold a pair of volumes on both layers of the pyramid, and make similarities from regions of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.liver import find_liver
from registration.region import SamplePoints, body_region, mask_region, sample_points
from registration.rigid import Parameters, move_points
from registration.settings import RegistrationSettings
from registration.similarity import MutualInformation
from registration.spline import Interpolant, cubic_interpolant, linear_interpolant, spline_coefficients
from registration.volume import Volume, image_on, index_from_world, world_from_index


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
        # The bottom layer decides, by cubic splines; on the way there linear reading is as good, and cheap.
        self._interpolants = [
            *(linear_interpolant(layer.values) for layer in moving_layers[:-1]),
            cubic_interpolant(moving_layers[-1].values),
        ]
        self._reference_top = linear_interpolant(reference_layers[0].values)
        self._settings, self._pool, self._rng = settings, pool, rng
        self._body = body_region(
            reference_layers[0], threshold_hu=settings.body_threshold_hu, rim_mm=settings.body_rim_mm
        )
        self._made: list[MutualInformation] = []

    def body_regions(self) -> list[NDArray[np.bool_]]:
        """Give the body on every layer of the reference; found on the top one."""
        return [on_layer(self._body, self._reference_layers[0], layer) for layer in self._reference_layers]

    def mask_regions(self, mask: NDArray[np.bool_], grid: Volume) -> list[NDArray[np.bool_]]:
        """Give the region about a mask on every layer of the reference.

        Args:
            mask: Boolean array (z, y, x).
            grid: The volume whose voxels it marks: the reference, or a layer of it.

        Raises:
            ValueError: The mask is empty.
        """
        if not mask.any():
            raise ValueError("The reference mask is empty; give one with at least one voxel inside, or none.")
        margin_mm, cut_mm = self._settings.region_margin_mm, self._settings.region_cut_mm
        region = mask_region(mask, grid, margin_mm=margin_mm, cut_mm=cut_mm)
        return [on_layer(region, grid, layer) for layer in self._reference_layers]

    def liver_regions(self) -> list[NDArray[np.bool_]] | None:
        """Give the region about the liver on every layer of the reference; none where no liver is found."""
        top, bottom = self._reference_layers[0], self._reference_layers[-1]
        liver = find_liver(top, self._body)
        return None if liver is None else self.mask_regions(on_layer(liver, top, bottom), bottom)

    def bottom_mask(self, regions: list[NDArray[np.bool_]]) -> sitk.Image:
        """Give a region as an image on the bottom layer's grid."""
        return image_on(regions[-1].astype(np.uint8), self._reference_layers[-1])

    def similarities(
        self, regions: list[NDArray[np.bool_]], window_hu: tuple[float, float]
    ) -> list[MutualInformation]:
        """Give one similarity a layer; all turn about the bottom region's centre."""
        counts = (self._settings.top_samples, self._settings.bottom_samples)
        drawn = [
            sample_points(layer, region, count=count, rng=self._rng, coefficients=coefficients)
            for layer, region, count, coefficients in zip(
                self._reference_layers, regions, counts, self._reference_coefficients, strict=True
            )
        ]
        centre = drawn[-1].points.mean(axis=0)
        made = [
            self._similarity(samples, layer, interpolant, centre, window_hu)
            for samples, layer, interpolant in zip(
                drawn, self._moving_layers, self._interpolants, strict=True
            )
        ]
        self._made += made
        return made

    def halves(
        self,
        regions: list[NDArray[np.bool_]],
        window_hu: tuple[float, float],
        motion: Parameters,
        centre: NDArray[np.float64],
    ) -> list[MutualInformation]:
        """Give the bottom layer's similarity of each half of a region, below and above its middle along each axis.

        Only what lies in the moving volume's data by the motion found can say anything, and is halved.

        Args:
            regions: The region on every layer.
            window_hu: Range of values.
            motion: Six parameters about the centre.
            centre: Centre of rotation, world mm.
        """
        layer, moving = self._reference_layers[-1], self._moving_layers[-1]
        samples = sample_points(
            layer,
            regions[-1],
            count=2 * self._settings.half_samples,
            rng=self._rng,
            coefficients=self._reference_coefficients[-1],
        )
        places = index_from_world(moving, move_points(samples.points, motion, centre))
        inside = ((places >= 0) & (places <= np.array(moving.values.shape) - 1)).all(axis=1)
        points, values = samples.points[inside], samples.values[inside]
        if not len(points):
            return []
        along = (points - centre) @ layer.directions
        below = along < np.median(along, axis=0)
        made = [
            self._similarity(
                SamplePoints(points[half], values[half]), moving, self._interpolants[-1], centre, window_hu
            )
            for axis in range(3)
            for half in (below[:, axis], ~below[:, axis])
            if half.any()
        ]
        self._made += made
        return made

    def itself(self, like: MutualInformation, window_hu: tuple[float, float]) -> MutualInformation:
        """Give a top layer's similarity with the reference in the moving volume's place."""
        top = self._reference_layers[0]
        made = self._similarity(like.samples, top, self._reference_top, like.centre, window_hu)
        self._made.append(made)
        return made

    def evaluations(self) -> int:
        """Count the motions that were scored."""
        return sum(similarity.evaluations for similarity in self._made)

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
