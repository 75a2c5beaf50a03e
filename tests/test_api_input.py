"""The public functions refuse what is not theirs in a sentence, whatever type it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp

CUBE = np.zeros((8, 8, 8), np.uint8)
CUBE[2:5, 2:5, 2:5] = 1
MASK = sitk.GetImageFromArray(CUBE)
CLASSES = sitk.GetImageFromArray(CUBE + (np.arange(8)[:, None, None] > 5).astype(np.uint8) * 2)
PROBABILITIES = sitk.GetImageFromArray(CUBE * np.float32(0.7))
CT = sitk.GetImageFromArray(np.random.default_rng(0).normal(0, 300, (8, 8, 8)).astype(np.int16))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mp.register(CUBE, CT), "ndarray is no volume: expected a SimpleITK.Image or a path"),
        (lambda: mp.register(CT, None), "NoneType is no volume"),
        (lambda: mp.register(CT, CT, settings={"seed": 1}), "settings must be RegistrationSettings"),
        (lambda: mp.RegistrationSettings(seed="0"), "seed must be a whole number"),
        (lambda: mp.align_phases([CT, CT], "pv"), "phases are a list: expected a dict"),
        (lambda: mp.lesion_table(MASK, [CT]), "phases are a list: expected a dict"),
        (lambda: mp.build_dataset("raw", "901", "Name"), "--dataset-id '901' cannot be used"),
        (lambda: mp.lesion_table(CLASSES), r"several values beside 0 \(1, 2\): say which are lesion"),
        (lambda: mp.lesion_table(PROBABILITIES), "the segmentation is no label file"),
        (lambda: mp.lesion_table(CT), "expected 0 and above, found -"),
        (lambda: mp.lesion_table(MASK, liver=CT), "the liver mask holds several values"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(
    call: Callable[[], Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nnUNet_raw", "nnUNet_preprocessed"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(ValueError, match=said):
        call()


def test_numbered_lesions_are_counted_where_all_are_named() -> None:
    assert len(mp.lesion_table(CLASSES, lesion_labels=[1, 2]).lesions) == 2
    assert len(mp.lesion_table(CLASSES, lesion_labels=[2]).lesions) == 1
    assert len(mp.lesion_table(MASK).lesions) == 1
