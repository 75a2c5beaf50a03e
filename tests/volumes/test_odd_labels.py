"""Masks whose labels are not 0 and 1: each is told the option that takes it, and none that would lose lesions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from layout_files import write

from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.presets import PRESETS
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import MaskFiles, read_mask
from nnunet_multiphase.volumes.volume_file import read_volume


def write_many(path: Path, labels: Sequence[int]) -> Path:
    """Write one voxel of each label, on the grid of `mask_sentence`."""
    mask = np.zeros((4, 5, 6), np.int16)
    mask.ravel()[: len(labels)] = labels
    return write(path, mask)


def mask_sentence(path: Path, organ: str = "lesions") -> str:
    grid = read_volume(write(path.with_name("grid.nii.gz"), np.zeros((4, 5, 6), np.int16)))
    with pytest.raises(InputError) as raised:
        read_mask(MaskFiles((path,), organ=organ), grid, "pv.nii.gz")
    return str(raised.value)


@pytest.mark.parametrize(("label", "organ"), [(255, "lesions"), (100, "liver")])
def test_another_label_is_told_its_option(tmp_path: Path, label: int, organ: str) -> None:
    path = write_many(tmp_path / "mask.nii.gz", [label])
    option = "--liver-labels" if organ == "liver" else "--lesion-labels"
    assert f"found 0, {label}; write it as 0/1, or pass {option} {label}" in mask_sentence(path, organ)


@pytest.mark.parametrize("labels", [(-1,), (-1, 1)])
def test_labels_below_0_are_told_no_option(tmp_path: Path, labels: tuple[int, ...]) -> None:
    sentence = mask_sentence(write_many(tmp_path / "mask.nii.gz", labels))
    assert sentence.endswith("write it as 0/1: no option takes labels below 0")


@pytest.mark.parametrize("most", [4, 9])
def test_numbered_lesions_are_told_to_be_passed_all(tmp_path: Path, most: int) -> None:
    numbers = range(1, most + 1)
    sentence = mask_sentence(write_many(tmp_path / "mask.nii.gz", numbers))
    assert f"--lesion-labels {' '.join(map(str, numbers))}" in sentence
    assert f"--lesion-labels {most}" not in sentence  # that would lose the others


def test_several_labels_of_a_liver_are_told_what_the_liver_holds(tmp_path: Path) -> None:
    sentence = mask_sentence(write_many(tmp_path / "mask.nii.gz", [1, 2, 3]), "liver")
    assert "--liver-labels 1 2 where 2 is lesion" in sentence
    assert "--lesion-labels" not in sentence


def test_two_labels_are_told_the_options(tmp_path: Path) -> None:
    sentence = mask_sentence(write_many(tmp_path / "mask.nii.gz", [1, 2]))
    assert "found 0, 1, 2" in sentence
    assert "--lesion-labels 2 --liver-labels 1 2" in sentence


@pytest.mark.parametrize("one", [0.9999999, 1.0000001, 0.9998])
def test_a_label_that_a_cast_has_rounded_is_taken(tmp_path: Path, one: float) -> None:
    mask = np.zeros((4, 5, 6), np.float32)
    mask[1, 2, 3] = one
    path = write(tmp_path / "mask.nii.gz", mask)
    read = read_mask(MaskFiles((path,)), read_volume(path), "pv.nii.gz")
    assert [tuple(i) for i in np.argwhere(sitk.GetArrayFromImage(read))] == [(1, 2, 3)]


@pytest.mark.parametrize("highest", [1.0, 0.7])
def test_probabilities_are_no_mask(tmp_path: Path, highest: float) -> None:
    mask = np.linspace(0, highest, 120, dtype=np.float32).reshape(4, 5, 6)
    sentence = mask_sentence(write(tmp_path / "mask.nii.gz", mask))
    assert "probabilities" in sentence
    assert "cut it at 0.5" in sentence


def test_labels_of_a_preset_are_told_no_option_that_it_refuses(tmp_path: Path) -> None:
    write(tmp_path / "imagesTr" / "a.nii.gz", np.zeros((4, 5, 6), np.int16))
    write_many(tmp_path / "labelsTr" / "a.nii.gz", [3, 6])
    found = find_cases(tmp_path, Inputs(layout=PRESETS["msd-liver"]))
    (case,) = found.cases
    assert case.lesions is not None
    grid = read_volume(case.images["pv"])
    with pytest.raises(
        InputError, match=r"expected only the values 0, 1, 2, found 0, 3, 6; write it as 0/1/2, or"
    ) as raised:
        read_mask(case.lesions, grid, "a.nii.gz")
    assert "leave --preset msd-liver out and name files and labels with --pattern" in str(raised.value)
