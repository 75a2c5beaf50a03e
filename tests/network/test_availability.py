"""Phases that are not there do not act on the network."""

import pytest
import torch
from built_networks import small

from nnunet_multiphase.network.availability import silence_absent_phases


def image(channels=4, size=(8, 8, 8), seed=0):
    return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(seed))


def test_present_phases_stay_as_they_are():
    x = image()
    assert torch.equal(silence_absent_phases(x), x)


def test_a_filled_phase_is_silenced_in_its_own_sample_only():
    x = image()
    x[1, 2] = -3.7
    expected = x.clone()
    expected[1, 2] = 0
    assert torch.equal(silence_absent_phases(x), expected)


def test_a_filled_phase_beyond_whose_edge_nnunet_padded_is_silenced():
    x = image()
    x[0, 1] = -3.7
    x[0, 1, :3] = 0
    assert not silence_absent_phases(x)[0, 1].any()


def test_roundings_of_resampling_do_not_hide_a_filled_phase():
    x = image()
    x[0, 1] = -3.7 * (1 + 1e-6 * torch.randn(8, 8, 8))
    assert not silence_absent_phases(x)[0, 1].any()


def test_one_lit_voxel_keeps_a_phase():
    x = torch.full((1, 1, 4, 4, 4), -3.0)
    x[0, 0, 1, 2, 3] = -2.9
    assert torch.equal(silence_absent_phases(x), x)


def test_labels_of_a_cascade_stay():
    x = torch.cat((image(), torch.ones(2, 1, 8, 8, 8)), 1)  # a patch inside a lesion of the previous stage
    assert silence_absent_phases(x)[:, 4].min() == 1


def test_two_dimensions():
    x = image(size=(8, 8))
    x[0, 3] = -2.0
    assert not silence_absent_phases(x)[0, 3].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    x = image().to(dtype)
    x[0, 0] = -3.7
    y = silence_absent_phases(x)
    assert y.dtype == dtype
    assert not y[0, 0].any()
    assert torch.equal(y[1], x[1])


def test_the_fill_value_does_not_reach_the_output():
    net = small(ignore_absent_phases=True, deep_supervision=False).eval()
    x = image(size=(32, 32, 32))
    outputs = []
    for value in (-1.0, -9.0):
        x[:, 1] = value
        with torch.no_grad():
            outputs.append(net(x))
    assert torch.equal(*outputs)


def test_plans_of_earlier_versions_see_the_fill_value():
    net = small(deep_supervision=False, ignore_absent_phases=False).eval()
    x = image(size=(32, 32, 32))
    x[:, 1] = -1.0
    with torch.no_grad():
        one = net(x)
        x[:, 1] = -9.0
        assert not torch.equal(one, net(x))
