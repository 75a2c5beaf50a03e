"""The deformation after the rigid fit: found where there is one, refused where it gains nothing or does harm."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantom import CENTRE_MM, ORGANS, liver_mask, scan

from registration import RegistrationSettings, deformable, register
from registration.__main__ import main

# The liver bulges: its points move by up to so much, smoothly, and hardly any beyond its surroundings.
BULGE_MM = 9.0
WIDTH_MM = 45.0


def bulge_field(image: sitk.Image) -> sitk.Image:
    """Displacements (mm) on an image's grid: a Gaussian hill along z about the liver's middle."""
    index = np.indices(image.GetSize()[::-1])[::-1].reshape(3, -1)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    points = (direction * image.GetSpacing()) @ index + np.array(image.GetOrigin())[:, None]
    middle = CENTRE_MM + ORGANS["liver"][0]
    hill = BULGE_MM * np.exp(-((points - middle[:, None]) ** 2).sum(0) / (2 * WIDTH_MM**2))
    field = np.zeros((*image.GetSize()[::-1], 3))
    field[..., 2] = hill.reshape(image.GetSize()[::-1])
    vectors = sitk.GetImageFromArray(field, isVector=True)
    vectors.CopyInformation(image)
    return vectors


@pytest.fixture(scope="module")
def fixed() -> sitk.Image:
    return scan()


@pytest.fixture(scope="module")
def bulged() -> sitk.Image:
    """Another phase, warped: a point p of it shows what lay at p + bulge."""
    image = scan(phase=1, seed=2, spacing_mm=(4.0, 4.0, 4.0))
    transform = sitk.DisplacementFieldTransform(bulge_field(image))
    return sitk.Resample(image, image, transform, sitk.sitkBSpline, -1000.0)


@pytest.fixture(scope="module")
def quick(settings: RegistrationSettings) -> RegistrationSettings:
    return replace(settings, model="deformable")


def mean_error_mm(transform: sitk.Transform, image: sitk.Image) -> float:
    """How far off liver points are: what lay at q is now at p with p + bulge(p) = q, so q -> p is wanted."""
    centre, half_axes, *_ = ORGANS["liver"]
    points = CENTRE_MM + centre + np.random.default_rng(0).uniform(-0.5, 0.5, (100, 3)) * half_axes
    bulge = sitk.DisplacementFieldTransform(bulge_field(image))
    found = [bulge.TransformPoint(transform.TransformPoint(q)) for q in points.tolist()]
    return float(np.linalg.norm(np.array(found) - points, axis=1).mean())


def test_a_bulge_is_found_better_than_rigidly_and_within_the_limits(
    fixed: sitk.Image, bulged: sitk.Image, quick: RegistrationSettings
) -> None:
    result = register(fixed, bulged, reference_mask=liver_mask(fixed), settings=quick)
    assert result.deformation is not None
    assert result.deformation.accepted
    assert result.deformation.least_jacobian >= deformable.LEAST_JACOBIAN
    assert abs(result.deformation.region_volume_change) <= deformable.MOST_VOLUME_CHANGE
    assert result.deformation.similarity_after > result.deformation.similarity_before
    assert mean_error_mm(result.transform, bulged) < mean_error_mm(result.rigid, bulged)


def test_where_the_rigid_fit_is_right_nothing_is_deformed(
    fixed: sitk.Image, quick: RegistrationSettings
) -> None:
    same = scan(phase=1, seed=5)
    result = register(fixed, same, reference_mask=liver_mask(fixed), settings=quick)
    assert result.deformation is not None
    if not result.deformation.accepted:
        assert result.deformation.reason
        assert result.transform.GetParameters() == result.rigid.GetParameters()
    # Whatever it decides, the liver must not be pulled away by more than a third of a voxel.
    still = sitk.Transform(3, sitk.sitkIdentity)
    points = (CENTRE_MM + ORGANS["liver"][0] + np.random.default_rng(1).uniform(-20, 20, (50, 3))).tolist()
    apart = [np.subtract(result.transform.TransformPoint(p), still.TransformPoint(p)) for p in points]
    assert np.linalg.norm(apart, axis=1).mean() < 1.4


def test_what_would_do_harm_is_taken_back(
    fixed: sitk.Image, bulged: sitk.Image, quick: RegistrationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deformable, "LEAST_JACOBIAN", 1.5)  # nothing real is as loose as that
    result = register(fixed, bulged, reference_mask=liver_mask(fixed), settings=quick)
    assert result.deformation is not None
    assert not result.deformation.accepted
    assert "shrink" in result.deformation.reason
    assert result.transform.GetParameters() == result.rigid.GetParameters()


def test_the_jacobian_of_a_known_scaling_is_its_volume() -> None:
    transform = sitk.AffineTransform(3)
    transform.Scale((1.1, 1.0, 0.9))
    jacobian = deformable._jacobian(transform, scan())
    np.testing.assert_allclose(jacobian[2:-2, 2:-2, 2:-2], 1.1 * 0.9, rtol=1e-6)


def test_the_command_reports_the_deformation(tmp_path: Path, fixed: sitk.Image, bulged: sitk.Image) -> None:
    names = {"fixed": fixed, "moving": bulged, "liver": liver_mask(fixed)}
    for name, image in names.items():
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    files = [str(tmp_path / f"{name}.nii.gz") for name in ("fixed", "moving")]
    options = [
        "--reference-mask",
        str(tmp_path / "liver.nii.gz"),
        "--lesion-mask",
        str(tmp_path / "liver.nii.gz"),
    ]
    out = ["--transform", str(tmp_path / "out.tfm"), "--json", str(tmp_path / "out.json")]
    assert main([*files, *options, *out, "--model", "deformable"]) == 0
    told = json.loads((tmp_path / "out.json").read_text())["deformation"]
    written = sitk.ReadTransform(str(tmp_path / "out.tfm"))
    point = (CENTRE_MM + ORGANS["liver"][0]).tolist()
    assert told["accepted"] == (written.GetName() == "CompositeTransform")
    assert told["lesion_volume_change"] is not None
    assert np.isfinite(written.TransformPoint(point)).all()
