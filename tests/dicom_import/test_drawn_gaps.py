"""Slices that were left out when a mask was drawn, of all of it or of one lesion beside others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from nnunet_multiphase.dicom_import.drawn_gaps import gaps
from nnunet_multiphase.errors import InputError


def drawn(*lesions: tuple[Iterable[int], int]) -> np.ndarray:
    """Draw 5 x 5 voxels on each of the slices of each lesion, from its column on; (30, 12, 40)."""
    mask = np.zeros((30, 12, 40), bool)
    for slices, column in lesions:
        mask[list(slices), 3:8, column : column + 5] = True
    return mask


@pytest.mark.parametrize("step", [2, 3, 5, 10])
def test_every_nth_slice_alone_is_refused_also_beside_a_whole_lesion(step: int) -> None:
    every = range(2, 3 + 2 * step, step)
    for mask in (drawn((every, 3)), drawn((every, 3), (range(1, 4), 20))):
        with pytest.raises(InputError, match=f"is drawn on one slice in {step};"):
            gaps(mask)


def test_two_lesions_on_every_second_slice_in_turn_are_refused() -> None:
    with pytest.raises(InputError, match="one slice in 2"):
        gaps(drawn((range(1, 12, 2), 3), (range(2, 13, 2), 20)))


def test_a_slice_left_out_of_one_lesion_is_told() -> None:
    assert gaps(drawn(([2, 3, 5, 6], 3))) == ["it leaves out 1 slice(s) between drawn ones"]


@pytest.mark.parametrize(
    "lesions",
    [
        [(range(2, 9), 3)],
        [([4], 3)],
        [([4], 3), ([16], 3)],  # one above the other, a slice each
        [([3], 3), ([6], 15), ([9], 27)],  # at equal distances, but side by side
        [(range(2, 5), 3), (range(11, 14), 3)],
        [(range(2, 20), 3), ([3, 5, 7], 20)],  # less than a quarter: specks
    ],
)
def test_ordinary_lesions_say_nothing(lesions: list[tuple[Iterable[int], int]]) -> None:
    assert gaps(drawn(*lesions)) == []


def test_an_empty_mask_says_nothing() -> None:
    assert gaps(drawn()) == []
