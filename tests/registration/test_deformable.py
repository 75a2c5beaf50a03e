"""The deformation after the rigid fit: found where there is one, refused where it gains nothing or does harm."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from registration_phantom import CENTRE_MM, ORGANS, liver_mask, scan

from registration import RegistrationSettings, deformable, register
from registration.__main__ import main
from registration.free_form import ControlGrid, displacements
from registration.volume import image_like, values_of, volume_from_image, world_from_index

pytestmark = pytest.mark.slow

# The liver bulges: its points move by up to so much, smoothly, and hardly any beyond its surroundings.
BULGE_MM = 16.0
WIDTH_MM = 45.0


def world_points(image: sitk.Image) -> NDArray[np.float64]:
    """World positions (3, voxels) of an image's voxels."""
    index = np.indices(image.GetSize()[::-1])[::-1].reshape(3, -1)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return (direction * image.GetSpacing()) @ index + np.array(image.GetOrigin())[:, None]


def bulge_field(image: sitk.Image) -> sitk.Image:
    """Displacements (mm) on an image's grid: a Gaussian hill along z about the liver's middle."""
    points = world_points(image)
    middle = CENTRE_MM + ORGANS["liver"][0]
    hill = BULGE_MM * np.exp(-((points - middle[:, None]) ** 2).sum(0) / (2 * WIDTH_MM**2))
    field = np.zeros((*image.GetSize()[::-1], 3))
    field[..., 2] = hill.reshape(image.GetSize()[::-1])
    vectors = sitk.GetImageFromArray(field, isVector=True)
    vectors.CopyInformation(image)
    return vectors


def with_vessels(image: sitk.Image, contrast_hu: float) -> sitk.Image:
    """Fill the liver with something to see: waves of 18 to 35 mm."""
    points = world_points(image)
    rng = np.random.default_rng(4)
    waves = rng.normal(0, 1, (8, 3))
    waves *= (2 * np.pi / rng.uniform(18, 35, 8) / np.linalg.norm(waves, axis=1))[:, None]
    seen = np.cos(waves @ points + rng.uniform(0, 6, (8, 1))).mean(axis=0).reshape(image.GetSize()[::-1])
    inside = sitk.GetArrayFromImage(liver_mask(image)) > 0
    return image_like(np.rint(values_of(image) + contrast_hu * seen * inside).astype(np.int16), image)


@pytest.fixture(scope="module")
def fixed() -> sitk.Image:
    return with_vessels(scan(spacing_mm=(3.0, 3.0, 4.0)), 100.0)


@pytest.fixture(scope="module")
def bulged() -> sitk.Image:
    """Another phase, warped: a point p of it shows what lay at p + bulge."""
    image = with_vessels(scan(phase=1, seed=2, spacing_mm=(3.0, 3.0, 3.0)), 150.0)
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
    tmp_path: Path, fixed: sitk.Image, bulged: sitk.Image
) -> None:
    names = {"fixed": fixed, "moving": bulged, "liver": liver_mask(fixed)}
    for name, image in names.items():
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    files = [str(tmp_path / f"{name}.nii.gz") for name in ("fixed", "moving")]
    mask = str(tmp_path / "liver.nii.gz")
    out = ["--transform", str(tmp_path / "out.tfm"), "--json", str(tmp_path / "out.json")]
    assert main([*files, "--reference-mask", mask, "--lesion-mask", mask, *out, "--model", "deformable"]) == 0
    told = json.loads((tmp_path / "out.json").read_text())
    report = told["deformation"]
    assert report["accepted"], report
    assert deformable.LEAST_JACOBIAN <= report["least_jacobian"] < 1 < report["most_jacobian"]
    assert abs(report["region_volume_change"]) <= deformable.MOST_REGION_CHANGE
    assert abs(report["lesion_volume_change"]) <= deformable.MOST_LESION_CHANGE
    assert report["significance"] > deformable.SIGNIFICANT["auto"]
    assert report["similarity_after"] > report["similarity_before"]
    rigid = sitk.Euler3DTransform(told["centre_mm"], *told["angles_rad_translation_mm"][:3])
    rigid.SetTranslation(told["angles_rad_translation_mm"][3:])
    together = sitk.ReadTransform(str(tmp_path / "out.tfm"))
    assert mean_error_mm(together, bulged) < 0.6 * mean_error_mm(rigid, bulged)


def test_any_number_of_threads_gives_the_same_deformation(fixed: sitk.Image, bulged: sitk.Image) -> None:
    liver, rigid = liver_mask(fixed), sitk.Euler3DTransform()
    (one, report), (other, again) = (
        deformable.deform(fixed, bulged, rigid, liver, window_hu=(-150.0, 250.0), threads=threads)
        for threads in (1, 2)
    )
    # The report hides all but the largest displacements: each control point counts.
    assert report.accepted
    splines = [sitk.CompositeTransform(t).GetNthTransform(1).GetParameters() for t in (one, other)]
    assert splines[0] == splines[1]
    assert report == again


def test_where_the_rigid_fit_is_right_nothing_is_deformed(
    fixed: sitk.Image, quick: RegistrationSettings
) -> None:
    same = with_vessels(scan(phase=1, seed=5, spacing_mm=(3.0, 3.0, 3.0)), 150.0)
    result = register(fixed, same, reference_mask=liver_mask(fixed), settings=quick)
    assert result.deformation is not None
    assert not result.deformation.accepted
    assert "noise" in result.deformation.reason
    assert result.transform.GetParameters() == result.rigid.GetParameters()


def test_without_anything_in_common_nothing_is_deformed(fixed: sitk.Image) -> None:
    away = sitk.Euler3DTransform()
    away.SetTranslation((1000.0, 0.0, 0.0))
    found, report = deformable.deform(fixed, fixed, away, liver_mask(fixed), window_hu=(-150.0, 250.0))
    assert not report.accepted
    assert "outside" in report.reason
    assert found.GetParameters() == away.GetParameters()


def test_each_lesions_change_is_read_apart() -> None:
    volumes = np.ones((20, 20, 20))
    volumes[:, :, :10], volumes[:, :, 10:] = 1.2, 0.7
    lesions = np.zeros((20, 20, 20), np.uint8)
    lesions[5:8, 5:8, 3:6] = lesions[5:8, 5:8, 14] = 1  # a large one grows, a small one shrinks
    mask = sitk.GetImageFromArray(lesions)
    kept = deformable._kept(mask, volume_from_image(mask))
    assert deformable._worst_change(volumes, kept) == pytest.approx(-0.3)
    assert "a lesion's volume by -30%" in deformable._harm(0.7, 1.2, 0.0, -0.3)
    assert "swell" in deformable._harm(0.7, 5.0, 0.0, None)
    assert deformable._harm(0.9, 1.1, 0.01, 0.02) == ""


def test_a_lesion_beside_the_region_is_read_too(fixed: sitk.Image) -> None:
    volume = volume_from_image(fixed)
    box = replace(
        volume,
        values=volume.values[:, 20:40, 20:40],
        origin=world_from_index(volume, np.array([[0, 20, 20]]))[0],
    )
    lesions = np.zeros(volume.values.shape, np.uint8)
    lesions[10, 15, 25:28] = 1  # five rows of 3 mm before the box
    (piece,) = deformable._kept(image_like(lesions, fixed), box)
    assert piece.voxels.tolist() == [[10, -5, 5], [10, -5, 6], [10, -5, 7]]
    volumes = np.ones((40, 40, 40))
    volumes[10, 5, 15:18] = 1.5
    assert deformable._worst_change(volumes, (piece,), np.array([0, 10, 10])) == pytest.approx(0.5)


@pytest.mark.parametrize(("height_mm", "harmless"), [(60.0, True), (4000.0, False)])
def test_what_would_do_harm_is_halved_and_dropped_if_that_is_not_enough(
    fixed: sitk.Image, bulged: sitk.Image, monkeypatch: pytest.MonkeyPatch, height_mm: float, harmless: bool
) -> None:
    widest_mm = 0.0

    def wild(grid: ControlGrid, *_: object) -> NDArray[np.float64]:
        nonlocal widest_mm
        heights = np.random.default_rng(0).uniform(-1, 1, grid.shape) * height_mm
        widest_mm = float(abs(displacements(grid, heights * grid.free())).max())
        return np.asarray(heights * grid.free())

    monkeypatch.setattr(deformable, "refine", wild)
    monkeypatch.setattr(deformable.LocalMatch, "explained", lambda _, field: float(abs(field).max()))
    for share in ("ERROR_PER_DIFFERENCE", "ERROR_PER_BEND"):
        monkeypatch.setattr(deformable, share, 0.0)
    rigid = sitk.Euler3DTransform()
    found, report = deformable.deform(fixed, bulged, rigid, liver_mask(fixed), window_hu=(-150.0, 250.0))
    assert report.accepted == harmless
    assert report.least_jacobian is not None
    assert (report.least_jacobian >= deformable.LEAST_JACOBIAN) == harmless
    assert isinstance(found, sitk.CompositeTransform) == harmless
    assert ("shrink" in report.reason) != harmless
    if harmless:  # what was taken back is missing
        assert report.expected_error_mm is not None
        assert report.expected_error_mm > 1.0
    if not harmless:  # told is what was measured last
        assert report.similarity_after == pytest.approx(widest_mm / 2**deformable.HALVINGS)


@pytest.mark.parametrize("thick", ["reference", "moving"])
def test_by_thick_slices_it_is_never_clear_what_bends(thick: str) -> None:
    thin, wide = (scan(spacing_mm=(4.0, 4.0, step)) for step in (4.0, 10.0))
    pair = (wide, thin) if thick == "reference" else (thin, wide)
    still = sitk.Euler3DTransform()
    found, report = deformable.deform(
        *pair, still, liver_mask(pair[0]), window_hu=(-150.0, 250.0), model="auto"
    )
    assert found is still
    assert report.reason == "by slices 10 mm apart it is not clear what bends"
