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

FLAT = sitk.GetImageFromArray(CUBE[0])
BODY = np.full((16, 40, 40), -1000, np.float64)
BODY[:, 6:34, 4:36] = -100
BODY[:, 8:32, 6:34] = 50
BODY = BODY + np.random.default_rng(1).normal(0, 15, BODY.shape)
ABDOMEN = sitk.GetImageFromArray(BODY)
ABDOMEN.SetSpacing((8.0, 8.0, 10.0))
LIVER = sitk.Cast(ABDOMEN > 0, sitk.sitkUInt8)
NOT_FINITE = sitk.GetImageFromArray(np.where(BODY < -1010, np.nan, BODY))
NOT_FINITE.CopyInformation(ABDOMEN)
NOISE = np.random.default_rng(2).normal(0, 15, BODY.shape)
OTHER = sitk.GetImageFromArray(BODY + NOISE)
OTHER.CopyInformation(ABDOMEN)
BOTH = {"pv": ABDOMEN, "art": OTHER}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mp.register(CUBE, CT), "ndarray is no volume: expected a SimpleITK.Image or a path"),
        (lambda: mp.register(CT, None), "NoneType is no volume"),
        (lambda: mp.register(CT, CT, settings={"seed": 1}), "settings must be RegistrationSettings"),
        (lambda: mp.RegistrationSettings(seed="0"), "seed must be a whole number"),
        (lambda: mp.align_phases([CT, CT], "pv"), "phases are a list: expected a dict"),
        (lambda: mp.lesion_table(MASK, [CT]), "phases are a list: expected a dict"),
        (lambda: mp.build_dataset("raw", "901", "Name"), "dataset_id must be a whole number, but is '901'"),
        (lambda: mp.lesion_table(CLASSES), r"several values beside 0 \(1, 2\): say which are lesion"),
        (lambda: mp.lesion_table(PROBABILITIES), "the segmentation is no label file"),
        (lambda: mp.lesion_table(CT), "expected 0 and above, found -"),
        (lambda: mp.lesion_table(MASK, liver=CT), "the liver mask holds several values"),
        (lambda: mp.lesion_table(FLAT), r"an image of 8 x 8 voxels with 1 value\(s\) each is no volume"),
        (
            lambda: mp.lesion_table(sitk.JoinSeries([MASK, MASK])),
            "an image of 8 x 8 x 8 x 2 voxels with 1 value",
        ),
        (lambda: mp.register(sitk.Compose([CT, CT]), CT), r"8 x 8 x 8 voxels with 2 value\(s\) each"),
        (
            lambda: mp.lesion_table(MASK, lesion_labels="1"),
            "lesion_labels '1': expected whole numbers above 0",
        ),
        (lambda: mp.evaluate(MASK, MASK, lesion_labels=[0]), r"lesion_labels \[0\]: expected whole numbers"),
        (lambda: mp.evaluate(CUBE, MASK), "ndarray is no volume"),
        (lambda: mp.align_phases({"pv": ABDOMEN + 1024, "art": OTHER}, "pv"), "phase pv .*intercept"),
        (lambda: mp.align_phases({"pv": ABDOMEN, "art": ABDOMEN * 1e-3}, "pv"), "phase art .*normalised"),
        (lambda: mp.lesion_table(LIVER, {"pv": ABDOMEN + 1024}), "phase pv .*accept=\\['hu-offset'\\]"),
        (lambda: mp.align_phases({"pv": ABDOMEN, "art": NOT_FINITE}, "pv"), "phase art .*not numbers"),
        (
            lambda: mp.align_phases(BOTH, "pv", liver_mask=LIVER[1:, :, :]),
            "the reference and the liver mask must lie",
        ),
        (lambda: mp.align_phases(BOTH, "pv", liver_mask=ABDOMEN), "the liver mask"),
        (lambda: mp.load_predictor("no_such_model"), "no_such_model"),
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


def test_a_mask_stored_in_another_axis_order_lies_where_it_is_drawn() -> None:
    pytest.importorskip("numba")
    turned = sitk.PermuteAxes(LIVER, [2, 0, 1])
    one, other = (
        mp.align_phases(BOTH, "pv", liver_mask=mask, lesion_mask=mask, registered=True, accept=["mask-size"])
        for mask in (LIVER, turned)
    )
    assert one.box == other.box
    assert one.results["art"].expected_error_mm == other.results["art"].expected_error_mm


def test_a_dataset_is_named_by_its_number_whatever_type_that_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    said = []
    for number in (501, np.int64(501), "501"):
        with pytest.raises(mp.InputError) as refused:
            mp.load_predictor(number)
        said.append(str(refused.value))
    assert said[0] == said[1] == said[2]
    assert "501" in said[0]
