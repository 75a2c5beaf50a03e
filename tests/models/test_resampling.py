"""Images and logits are resampled as nnU-Net does."""

import numpy as np
import pytest
from nnunetv2.preprocessing.resampling.default_resampling import (
    compute_new_shape,
    resample_data_or_seg_to_shape,
)

from nnunet_multiphase.models.resampling import (
    LogitResampler,
    Resampling,
    resample_image,
    resampled_shape,
    separate_axis,
)

ROUNDINGS = 2e-5
"""Of float32 sums of some 30 products of values around 1."""

GRIDS = {
    "odd and finer": ((7, 19, 23), (5.0, 1.3, 1.1), (2.5, 0.9, 0.95)),
    "coarser": ((21, 40, 33), (1.0, 0.8, 0.8), (3.1, 1.7, 1.9)),
    "anisotropic before": ((9, 31, 30), (5.0, 0.9, 0.9), (2.0, 1.1, 1.1)),
    "anisotropic after": ((30, 31, 20), (1.5, 0.9, 0.9), (4.0, 1.1, 1.1)),
    "coarse along the last axis": ((22, 18, 7), (0.9, 1.0, 4.0), (1.2, 1.1, 3.0)),
    "two coarse axes": ((8, 9, 30), (4.0, 4.0, 0.9), (3.0, 3.0, 1.3)),
    "one axis stays": ((9, 20, 20), (5.0, 1.0, 1.0), (5.0, 1.4, 1.4)),
    "none changes": ((5, 6, 7), (2.0, 1.0, 1.0), (2.0, 1.0, 1.0)),
    "halved, where nearest neighbours tie": ((12, 16, 16), (2.0, 0.5, 0.5), (4.0, 1.0, 1.0)),
}
grids = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
separations = pytest.mark.parametrize("separate", [None, True, False])


@grids
@separations
@pytest.mark.parametrize("order_z", [0, 1, 3])
def test_an_image_is_resampled_as_nnunet_does(grid, separate, order_z):
    shape, old, new = grid
    volume = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    new_shape = resampled_shape(shape, old, new)
    assert new_shape == tuple(compute_new_shape(shape, old, new))
    expected = resample_data_or_seg_to_shape(
        volume[None], new_shape, old, new, order=3, order_z=order_z, force_separate_z=separate
    )[0]
    found = resample_image(volume, new_shape, old, new, Resampling(3, order_z, separate))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDINGS)


@grids
@separations
@pytest.mark.parametrize("order_z", [0, 1])
def test_logits_are_resampled_as_nnunet_does_in_any_number_of_slices(grid, separate, order_z):
    shape, old, new = grid
    logits = np.random.default_rng(2).normal(size=(3, *shape)).astype(np.float32)
    new_shape = resampled_shape(shape, old, new)
    expected = resample_data_or_seg_to_shape(
        logits, new_shape, old, new, order=1, order_z=order_z, force_separate_z=separate
    )
    back = LogitResampler.between(logits, new_shape, old, new, Resampling(1, order_z, separate))
    middle = new_shape[0] // 2
    found = np.concatenate([back.slices(0, middle), back.slices(middle, new_shape[0])], 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDINGS)


def test_a_spacing_that_is_three_times_another_is_not_yet_anisotropic():
    how = Resampling(3, 0, None)
    assert separate_axis(how, (3.0, 1.0, 1.0), (3.0, 1.0, 1.0)) is None
    assert separate_axis(how, (3.1, 1.0, 1.0), (3.0, 1.0, 1.0)) == 0


def test_what_comes_before_resampling_is_applied_to_the_values():
    volume = np.random.default_rng(3).normal(size=(4, 5, 6)).astype(np.float32)
    how = Resampling(3, 3, False)
    args = (7, 8, 9), (2.0, 1.0, 1.0), (1.0, 0.7, 0.7), how
    found = resample_image(volume, *args, prepare=lambda part: np.clip(part, -1, 1))
    np.testing.assert_array_equal(found, resample_image(np.clip(volume, -1, 1), *args))
    assert found.max() <= 1
