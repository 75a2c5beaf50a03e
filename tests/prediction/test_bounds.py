"""Where a lesion could be found: what ends at each side of the crop and of the window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.measurement.ends import Bounds
from nnunet_multiphase.prediction.bounds import bounds_of
from nnunet_multiphase.prediction.window import Window


def found(box: tuple, window: tuple | None = None, *, padded_from: int = 20) -> Bounds:
    """Give the bounds of a reference of 50 x 40 x 20 voxels whose slices from `padded_from` on are padding."""
    hu = np.random.default_rng(3).integers(-100, 200, (20, 40, 50)).astype(np.int16)
    hu[padded_from:] = -3024
    prepared = SimpleNamespace(
        images={"pv": sitk.GetImageFromArray(hu)}, aligned=SimpleNamespace(reference="pv", box=box)
    )
    looked = None if window is None else Window(window, True, 0.5)
    return bounds_of(prepared, looked)  # type: ignore[arg-type]


def test_of_the_whole_volume_all_sides_are_its_own() -> None:
    assert found(((0, 0, 0), (50, 40, 20))) == Bounds.of_volume((20, 40, 50))


def test_where_the_crop_ends_within_the_volume_a_phase_ends() -> None:
    bounds = found(((0, 3, 0), (50, 37, 12)))
    assert bounds.box == (slice(0, 12), slice(0, 37), slice(0, 50))
    assert (bounds.low, bounds.high) == (("volume", "phases", "volume"), ("phases", "volume", "volume"))


def test_where_the_crop_ends_at_padding_the_volume_ends() -> None:
    assert found(((0, 0, 0), (50, 40, 12)), padded_from=12).high[0] == "volume"
    assert found(((0, 0, 0), (50, 40, 12)), padded_from=13).high[0] == "phases"


def test_the_windows_sides_are_its_own_where_they_lie_within_the_crop() -> None:
    bounds = found(((0, 0, 2), (50, 40, 12)), ((5, 0, 0), (45, 30, 11)))
    assert bounds.box == (slice(0, 11), slice(0, 30), slice(5, 50))
    assert (bounds.low, bounds.high) == (("phases", "volume", "window"), ("window", "window", "volume"))
