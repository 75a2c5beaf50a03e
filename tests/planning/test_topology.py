"""Stages, strides and kernel sizes: nnU-Net's rules with a cap on the number of stages."""

import numpy as np
import pytest
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props

from nnunet_multiphase.planning.topology import plan_topology, shrink_patch


def test_isotropic_patch_gets_five_stages_and_four_downsamplings_of_every_axis():
    topology = plan_topology((1.0, 1.0, 1.0), (128, 128, 128))
    assert topology.strides == ((1, 1, 1),) + ((2, 2, 2),) * 4
    assert topology.kernel_sizes == ((3, 3, 3),) * 5
    assert topology.divisor == (16, 16, 16)


def test_thick_slices_are_left_alone_until_the_plane_is_as_coarse():
    # In-plane .78 -> 1.56 -> 3.12 mm; 5 mm is within a factor 2 of 3.12 mm, so z joins from the third on.
    topology = plan_topology((5.0, 0.78, 0.78), (40, 256, 256))
    assert topology.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
    assert topology.kernel_sizes == ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))


def test_cap_holds_where_a_cap_per_axis_does_not():
    # nnU-Net's own cap of 4 poolings per axis gives 6 stages here: z alone takes the sixth.
    _, strides, *_ = get_pool_and_conv_props((5.0, 0.78, 0.78), (80, 256, 256), 4, 4)
    assert len(strides) == 6
    assert len(plan_topology((5.0, 0.78, 0.78), (80, 256, 256)).strides) == 5


def test_small_patch_gets_fewer_stages():
    # 20 -> 10 -> 5 and 32 -> 16 -> 8 -> 4: no axis below 4 voxels.
    topology = plan_topology((2.5, 1.5, 1.5), (20, 32, 32))
    assert topology.strides == ((1, 1, 1), (2, 2, 2), (2, 2, 2), (1, 2, 2))


def test_patch_is_padded_to_the_divisor():
    assert plan_topology((1.0, 1.0, 1.0), (100, 65, 64)).patch_size == (112, 80, 64)


@pytest.mark.parametrize("seed", range(40))
def test_without_a_binding_cap_the_rules_are_nnunets(seed: int):
    rng = np.random.default_rng(seed)
    n_axes = 2 + seed % 2
    spacing = tuple(rng.uniform(0.5, 6.0, n_axes))
    patch = tuple(int(p) for p in rng.integers(8, 300, n_axes))
    _, strides, kernels, padded, divisor = get_pool_and_conv_props(spacing, patch, 4, 999)
    topology = plan_topology(spacing, patch, max_stages=99)
    assert topology.strides == tuple(strides)
    assert topology.kernel_sizes == tuple(kernels)
    assert topology.patch_size == tuple(int(p) for p in padded)
    assert topology.divisor == tuple(int(d) for d in divisor)


def test_shrinking_takes_the_axis_that_covers_most_of_the_image():
    topology = plan_topology((1.0, 1.0, 1.0), (64, 128, 128))
    assert shrink_patch((1.0, 1.0, 1.0), topology, (300, 300, 140)).patch_size == (64, 128, 112)


def test_shrinking_ends_at_the_smallest_patch():
    topology = plan_topology((1.0, 1.0, 1.0), (64, 64, 64))
    for _ in range(200):
        topology = shrink_patch((1.0, 1.0, 1.0), topology, (64, 64, 64))
    assert shrink_patch((1.0, 1.0, 1.0), topology, (64, 64, 64)) == topology
    assert min(topology.patch_size) >= 4


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.6, 0.6), (5.0, 0.8, 0.8)])
@pytest.mark.parametrize("shape", [(64, 64, 64), (13, 100, 50), (8, 9, 40)])
def test_shrinking_never_leaves_a_single_stage(spacing: tuple, shape: tuple):
    topology = plan_topology(spacing, shape)
    for _ in range(200):
        topology = shrink_patch(spacing, topology, shape)
        assert len(topology.strides) >= 2
