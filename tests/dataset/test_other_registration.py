"""A dataset whose phases are placed otherwise than by us: by the headers, or by the usual SimpleITK recipe."""

from __future__ import annotations

import csv
import json
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import phase_image, write_case

from nnunet_multiphase.benchmark.placements import by_headers, by_simpleitk
from nnunet_multiphase.dataset.build import build_dataset
from nnunet_multiphase.dataset.options import DatasetOptions
from registration.resample import resample_image


@pytest.fixture(scope="module")
def unregistered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build two cases of two phases by their headers."""
    root = tmp_path_factory.mktemp("headers")
    for number in (1, 2):
        write_case(root / "raw" / f"case_{number}", phases=("art", "pv"), seed=number)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("nnUNet_raw", "nnUNet_preprocessed"):
            (root / name).mkdir()
            patch.setenv(name, str(root / name))
        summary = build_dataset(
            root / "raw",
            902,
            "Headers",
            DatasetOptions(phases=("art", "pv"), folds=2, test_fraction=0.0),
            find=by_headers,
        )
    return {"raw": root / "raw", "folder": summary.folder}


def test_a_phase_placed_by_its_header_is_only_resampled(unregistered: dict[str, Any]) -> None:
    stored = sitk.ReadImage(str(unregistered["folder"] / "imagesTr" / "case_1_0001.nii.gz"))
    moving = sitk.ReadImage(str(unregistered["raw"] / "case_1" / "pv.nii.gz"))
    expected = sitk.GetArrayFromImage(resample_image(moving, stored, sitk.Transform(3, sitk.sitkIdentity)))
    difference = np.abs(sitk.GetArrayFromImage(stored) - np.rint(expected))
    assert np.median(difference) == 0
    assert (difference <= 1).mean() > 0.99  # outer slices of one value are cut off before


def test_the_record_names_the_registration_and_claims_no_error(unregistered: dict[str, Any]) -> None:
    record = json.loads((unregistered["folder"] / "dataset.json").read_text())
    assert record["registration"] == {"method": "by_headers"}
    assert record["registration_error_mm"] == {}
    assert record["doubtful_registration"] == {"case_1": ["pv"], "case_2": ["pv"]}
    with (unregistered["folder"] / "quality.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["phase"] == "pv"]
    assert [row["overlap"] + row["expected_error_mm"] for row in rows] == ["", ""]


def test_the_usual_recipe_finds_a_shift() -> None:
    reference = phase_image("pv", tilt_degrees=0)
    moving = phase_image("pv", tilt_degrees=0, shift_mm=(6.0, -4.0, 5.0), seed=1)
    found = by_simpleitk(reference, moving)
    assert found.verdict == "check"
    # A voxel is 6 mm: half of one.
    middle = np.array(found.transform.TransformPoint((0.0, 0.0, 0.0)))
    assert np.linalg.norm(middle - (6.0, -4.0, 5.0)) < 3


def test_the_usual_recipe_repeats_itself() -> None:
    reference, moving = phase_image("art"), phase_image("pv", shift_mm=(3.0, 0.0, 0.0))
    first, second = by_simpleitk(reference, moving), by_simpleitk(reference, moving)
    assert first.transform.GetParameters() == second.transform.GetParameters()


def test_volumes_that_do_not_meet_are_called_failed() -> None:
    reference, moving = phase_image("pv"), phase_image("pv")
    moving.SetOrigin([1000.0, 0.0, 0.0])
    assert by_headers(reference, moving).verdict == "failed"
    assert by_headers(reference, reference).verdict == "check"
