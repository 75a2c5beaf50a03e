"""Patches and the strides that must divide them."""

import re

import pytest

from nnunet_multiphase.network.patch_fit import undivided

STRIDES = [[1, 1, 1], [1, 2, 2], [2, 2, 2]]  # together 2, 4, 4


@pytest.mark.parametrize("patch", [(2, 4, 4), (20, 32, 36)])
def test_a_patch_that_the_strides_divide_fits(patch: tuple[int, ...]):
    assert undivided(patch, STRIDES) is None


@pytest.mark.parametrize(
    ("patch", "sizes"),
    [
        ((20, 30, 32), r"\(20, 28, 32\) or \(20, 32, 32\)"),
        ((21, 30, 30), r"\(20, 28, 28\) or \(22, 32, 32\)"),
        ((1, 4, 4), r"take \(2, 4, 4\)"),
    ],
)
def test_the_nearest_sizes_that_fit_are_named(patch: tuple[int, ...], sizes: str):
    said = undivided(patch, STRIDES)
    assert said
    assert re.search(rf"multiples of \(2, 4, 4\).*{sizes}$", said)
