"""The whole registration on motions that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantom import (
    CENTRE_MM,
    HEADER_LIKE_NIFTI,
    ORGANS,
    mean_error_mm,
    points_in_body,
    rigid,
    scan,
)

from registration import PreparedReference, RegistrationResult, RegistrationSettings, register
from registration.resample import resample_labels
from registration.volume import check_same_grid

pytestmark = pytest.mark.slow

IDENTITY = sitk.Euler3DTransform()


@pytest.fixture(scope="module")
def medium_result(
    reference: sitk.Image, medium: sitk.Image, settings: RegistrationSettings
) -> RegistrationResult:
    return register(reference, medium, settings=settings)


def test_a_volume_lies_on_itself(reference: sitk.Image, settings: RegistrationSettings) -> None:
    result = register(reference, reference, settings=settings)
    # A hundredth of the 4 mm voxel: noise and all are the same, the optimum is exact.
    assert mean_error_mm(result.transform, IDENTITY, points_in_body()) < 0.04


# The whole body moves in these four, and the body is what is fitted: .09 to .36 mm over four seeds each. The fit of the
# liver that is found, an ellipsoid with few edges, has an error of its own (.26 to 1.4 mm over the same seeds).


def test_a_small_motion_is_found(reference: sitk.Image, body_settings: RegistrationSettings) -> None:
    truth = rigid((3.0, 0.0, 0.0), (3.0, 0.0, 4.0))  # 5 mm, 3 degrees
    moving = scan(phase=1, motion=truth, spacing_mm=(3.5, 3.8, 6.0), extent_mm=(230.0, 170.0, 110.0), seed=1)
    found = register(reference, moving, settings=body_settings).transform
    # A fifth of the 5-6 mm slice distance, with noise and another contrast.
    assert mean_error_mm(found, truth, points_in_body()) < 1.0


def test_a_medium_motion_is_found_between_grids_of_other_directions(
    reference: sitk.Image,
    medium: sitk.Image,
    medium_motion: sitk.Transform,
    body_settings: RegistrationSettings,
) -> None:
    # Reference oblique, moving with NIfTI's mirrored axes; same bound as for the small motion.
    found = register(reference, medium, settings=body_settings).transform
    assert mean_error_mm(found, medium_motion, points_in_body()) < 1.0


def test_where_the_scanner_puts_the_origin_is_of_no_matter(
    reference: sitk.Image,
    medium: sitk.Image,
    medium_motion: sitk.Transform,
    body_settings: RegistrationSettings,
) -> None:
    away_mm = np.array([256.0, -512.0, 2048.0])
    moved = [sitk.Image(volume) for volume in (reference, medium)]
    for volume in moved:
        volume.SetOrigin((np.array(volume.GetOrigin()) + away_mm).tolist())
    found = register(*moved, settings=body_settings).transform
    there = points_in_body()
    back = [np.subtract(found.TransformPoint((p + away_mm).tolist()), away_mm) for p in there]
    truth = [medium_motion.TransformPoint(p.tolist()) for p in there]
    assert np.linalg.norm(np.subtract(back, truth), axis=1).mean() < 1.0  # as at its own place


def test_a_large_motion_is_found(reference: sitk.Image, body_settings: RegistrationSettings) -> None:
    truth = rigid((8.0, -10.0, 15.0), (12.0, 10.0, -37.0))  # 40 mm, 20 degrees
    moving = scan(
        phase=1,
        motion=truth,
        spacing_mm=(3.5, 3.8, 6.0),
        extent_mm=(230.0, 170.0, 110.0),
        direction=HEADER_LIKE_NIFTI,
        middle_mm=(0.0, 0.0, -18.0),
        seed=1,
    )
    found = register(reference, moving, settings=body_settings).transform
    # Half of the volumes overlap only: a quarter of the 6 mm slice distance.
    assert mean_error_mm(found, truth, points_in_body()) < 1.5


def test_a_header_far_off_is_found(reference: sitk.Image, body_settings: RegistrationSettings) -> None:
    truth = rigid((0.0, 0.0, 0.0), (0.0, 30.0, 900.0))  # no overlap at all as the headers stand
    moving = scan(phase=1, motion=truth, middle_mm=(5.0, 30.0, 890.0), spacing_mm=(4.0, 4.0, 4.0), seed=2)
    result = register(reference, moving, settings=body_settings)
    assert mean_error_mm(result.transform, truth, points_in_body()) < 1.0
    assert result.similarity_before == 1.0


def test_a_patient_far_aside_is_found_where_no_header_tells_it(
    reference: sitk.Image, body_settings: RegistrationSettings
) -> None:
    # Written with an origin of its own, and the patient 95 mm from the middle of what was scanned.
    truth = rigid((2.0, -3.0, 4.0), (900.0, -500.0, 1200.0))
    moving = scan(
        phase=1, motion=truth, middle_mm=(993.0, -482.0, 1200.0), extent_mm=(430.0, 220.0, 130.0), seed=4
    )
    found = register(reference, moving, settings=body_settings).transform
    assert mean_error_mm(found, truth, points_in_body()) < 1.0


def test_the_transform_resamples_the_moving_onto_the_reference(
    reference: sitk.Image, medium: sitk.Image, medium_result: RegistrationResult
) -> None:
    # The spine is about as bright in both phases: outside the overlap of the grids nothing is compared.
    moved = sitk.Resample(medium, reference, medium_result.transform, sitk.sitkLinear, -2000.0)
    values, there = sitk.GetArrayFromImage(reference), sitk.GetArrayFromImage(moved)
    spine, shown = (values > 250), (there > 250)
    inside = there > -1500
    overlap = 2 * (spine & shown & inside).sum() / ((spine & inside).sum() + shown.sum())
    before = (
        sitk.GetArrayFromImage(sitk.Resample(medium, reference, IDENTITY, sitk.sitkLinear, -2000.0)) > 250
    )
    assert overlap > 0.85  # partial volume at the rim of a 36 mm column in 4 mm voxels
    assert 2 * (spine & before).sum() / (spine.sum() + before.sum()) < 0.7


def test_the_result_tells_what_was_gained(medium_result: RegistrationResult) -> None:
    assert 1.0 <= medium_result.similarity_before < medium_result.similarity_after <= 2.0
    assert 0.5 < medium_result.overlap < 1.0  # the moving covers 110 of 130 mm
    assert medium_result.region == "liver"
    # One swarm's particles at the start and after each iteration, and some from Powell.
    default = RegistrationSettings()
    assert medium_result.evaluations > default.swarm_particles * (default.swarm_iterations + 1)
    assert len(medium_result.swarm_trace) == default.swarm_iterations + 1


def test_the_same_seed_gives_the_same_transform_on_any_number_of_threads(
    reference: sitk.Image,
    medium: sitk.Image,
    settings: RegistrationSettings,
    medium_result: RegistrationResult,
) -> None:
    again = register(reference, medium, settings=replace(settings, threads=2))
    assert again.transform.GetParameters() == medium_result.transform.GetParameters()
    assert again.swarm_trace == medium_result.swarm_trace


def test_the_input_images_stay_as_they_are(reference: sitk.Image, medium: sitk.Image) -> None:
    before = sitk.Hash(reference), sitk.Hash(medium)
    quick = RegistrationSettings(swarm_particles=8, swarm_iterations=2, bottom_samples=2_000, top_samples=500)
    register(reference, medium, settings=quick)
    assert (sitk.Hash(reference), sitk.Hash(medium)) == before


@pytest.fixture(scope="module")
def liver_points() -> np.ndarray:
    centre, half_axes, *_ = ORGANS["liver"]
    inner = np.random.default_rng(0).uniform(-0.55, 0.55, (200, 3))
    return CENTRE_MM + centre + inner * half_axes


def test_the_liver_is_fitted_with_a_mask_and_without_one_and_the_body_on_request(
    reference: sitk.Image,
    breathed: sitk.Image,
    reference_liver: sitk.Image,
    settings: RegistrationSettings,
    liver_points: np.ndarray,
) -> None:
    truth = sitk.TranslationTransform(3, (2.0, 1.0, 12.0))
    of_mask = register(reference, breathed, reference_mask=reference_liver, settings=settings)
    of_liver = register(reference, breathed, settings=settings)
    of_body = register(reference, breathed, settings=replace(settings, region="body"))
    assert [result.region for result in (of_mask, of_liver, of_body)] == ["mask", "liver", "body"]
    # Half a slice of 5 mm: the margin holds tissue that stayed behind, and an ellipsoid has few edges.
    assert mean_error_mm(of_mask.transform, truth, liver_points) < 2.5
    assert mean_error_mm(of_liver.transform, truth, liver_points) < 2.5
    assert mean_error_mm(of_body.transform, truth, liver_points) > 6.0
    assert mean_error_mm(of_body.transform, IDENTITY, points_in_body()) < 2.0


def test_a_region_that_moves_with_the_body_takes_the_bodys_motion(
    reference: sitk.Image,
    medium: sitk.Image,
    medium_motion: sitk.Transform,
    reference_liver: sitk.Image,
    settings: RegistrationSettings,
    body_settings: RegistrationSettings,
) -> None:
    asked, alone = (
        register(reference, medium, reference_mask=reference_liver, settings=s)
        for s in (settings, replace(settings, least_significance=0.0))
    )
    assert (asked.region, asked.motion_of, alone.motion_of) == ("mask", "body", "mask")
    of_body = register(reference, medium, settings=body_settings)
    # About another centre the same motion has other parameters: compare where it takes points.
    assert mean_error_mm(asked.transform, of_body.transform, points_in_body()) < 1e-6
    # The points lie all over the body, where the smooth ellipsoid of a liver alone says little about the angles.
    errors = [mean_error_mm(r.transform, medium_motion, points_in_body()) for r in (asked, alone)]
    assert errors[0] < errors[1]
    assert errors[0] < 0.5  # an eighth of the 4 mm voxel


def test_the_liver_that_is_found_takes_the_bodys_motion_too(
    medium_result: RegistrationResult, medium_motion: sitk.Transform
) -> None:
    assert (medium_result.region, medium_result.motion_of) == ("liver", "body")
    assert mean_error_mm(medium_result.transform, medium_motion, points_in_body()) < 0.5


@pytest.mark.parametrize("liver_shift_mm", [(2.0, 1.0, 12.0), (0.0, 0.0, 4.0)])
def test_a_region_that_moves_by_itself_keeps_its_own_motion(
    reference: sitk.Image,
    reference_liver: sitk.Image,
    settings: RegistrationSettings,
    liver_points: np.ndarray,
    liver_shift_mm: tuple[float, float, float],
) -> None:
    moving = scan(phase=1, liver_shift_mm=liver_shift_mm, seed=3)
    result = register(reference, moving, reference_mask=reference_liver, settings=settings)
    assert result.motion_of == "mask"
    shift_mm = float(np.linalg.norm(liver_shift_mm))
    truth = sitk.TranslationTransform(3, liver_shift_mm)
    assert mean_error_mm(result.transform, truth, liver_points) < shift_mm / 2


def test_a_region_that_fails_gives_the_bodys_motion_to_be_checked(
    reference: sitk.Image,
    medium: sitk.Image,
    medium_motion: sitk.Transform,
    settings: RegistrationSettings,
) -> None:
    # A mask in the corner of the volume, in air: nothing there can be fitted.
    values = np.zeros(reference.GetSize()[::-1], dtype=np.uint8)
    values[4:12, 2:7, 2:7] = 1
    mask = sitk.GetImageFromArray(values)
    mask.CopyInformation(reference)
    result = register(reference, medium, reference_mask=mask, settings=settings)
    assert (result.motion_of, result.verdict) == ("body", "check")
    assert "the mask could not be fitted, the body's motion is kept" in result.reasons[0]
    assert mean_error_mm(result.transform, medium_motion, points_in_body()) < 0.5
    assert result.expected_error_mm > 4.0  # nobody saw how the organ breathed


def test_the_expected_error_covers_the_true_one_and_grows_where_less_is_known(
    reference: sitk.Image,
    medium: sitk.Image,
    medium_motion: sitk.Transform,
    medium_result: RegistrationResult,
    settings: RegistrationSettings,
    liver_points: np.ndarray,
) -> None:
    assert (
        mean_error_mm(medium_result.transform, medium_motion, liver_points) < medium_result.expected_error_mm
    )
    assert medium_result.expected_error_mm < 4.0  # one voxel
    noise = np.random.default_rng(0).normal(0, 300, reference.GetSize()[::-1]).astype(np.int16)
    other = sitk.GetImageFromArray(noise)
    other.CopyInformation(reference)
    lost = register(reference, other, settings=settings)
    assert lost.expected_error_mm == settings.search_axial_mm


@pytest.mark.parametrize(("sharpness", "swarms"), [(0.0, 1), (2.0, 3)])
def test_swarms_are_sent_until_one_convinces(
    reference: sitk.Image,
    medium: sitk.Image,
    settings: RegistrationSettings,
    sharpness: float,
    swarms: int,
) -> None:
    few = replace(
        settings, sufficient_sharpness=sharpness, swarms=3, region="body", bottom_samples=100, half_samples=50
    )
    result = register(reference, medium, settings=few)
    each = few.swarm_particles * (few.swarm_iterations + 1)
    # What the Powell climbs and the verdict take beside is less than a swarm's.
    assert swarms * each < result.evaluations < (swarms + 1) * each


def test_what_was_fitted_is_given_as_an_image(
    reference: sitk.Image, reference_liver: sitk.Image, medium_result: RegistrationResult
) -> None:
    shown = resample_labels(medium_result.fitted, reference)
    found, liver = (sitk.GetArrayFromImage(image) > 0 for image in (shown, reference_liver))
    # Found roughly, with a margin of 4 mm: most of the liver is in it, and it is no larger than twice the liver.
    assert (found & liver).sum() > 0.7 * liver.sum()
    assert found.sum() < 2 * liver.sum()


def test_settings_that_cannot_work_are_refused() -> None:
    for wrong in (
        {"seed": -1},
        {"threads": 0},
        {"bins": (1, 8)},
        {"window_hu": (5.0, 5.0)},
        {"region_margin_mm": -1.0},
        {"cut_mm": -1.0},
        {"least_significance": -0.1},
        {"region": "spleen"},
        {"swarm_particles": 0},
        {"region_iterations": 0},
        {"top_samples": 0},
        {"bottom_samples": 0.5},
        {"layer_spacings_mm": (3.0, 6.0)},
        {"layer_spacings_mm": (3.0, 0.0)},
        {"layer_spacings_mm": (np.nan, 3.0)},
        {"window_hu": (-np.inf, 100.0)},
        {"search_axial_mm": -1.0},
        {"search_rotation_deg": np.nan},
        {"minimal_overlap": 1.0},
        {"region_restarts_mm": ()},
        {"region_restarts_mm": (np.nan,)},
        {"body_threshold_hu": np.nan},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RegistrationSettings(**wrong)


def small(values: np.ndarray) -> sitk.Image:
    return sitk.GetImageFromArray(values)


GOOD = np.random.default_rng(0).integers(-100, 100, (8, 8, 8)).astype(np.int16)
NAN = np.where(np.arange(512).reshape(8, 8, 8) == 5, np.nan, GOOD).astype(np.float32)


@pytest.mark.parametrize(
    ("moving", "mask", "sentence"),
    [
        (small(GOOD[0]), None, "must be one 3D volume"),
        (small(GOOD[:3]), None, "at least 4 voxels"),
        (small(NAN), None, "not finite"),
        (small(np.full_like(GOOD, 7)), None, "same value everywhere"),
        (small(GOOD), small(GOOD[:6]), "on the reference's grid"),
        (small(GOOD), small(0 * GOOD), "mask is empty"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_a_sentence(
    moving: sitk.Image, mask: sitk.Image | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        register(small(GOOD), moving, reference_mask=mask)


def test_masks_that_the_settings_would_not_use_are_refused() -> None:
    volume, mask = small(GOOD), small((GOOD > 0).astype(np.uint8))
    with pytest.raises(ValueError, match="exclude each other"):
        register(volume, volume, reference_mask=mask, settings=RegistrationSettings(region="body"))
    with pytest.raises(ValueError, match="the model is 'rigid'"):
        register(volume, volume, lesion_mask=mask)


def test_a_mask_that_lies_elsewhere_is_refused() -> None:
    mask = small((GOOD > 0).astype(np.uint8))
    mask.SetOrigin((0.0, 0.0, 3.0))
    with pytest.raises(ValueError, match=r"3\.00 mm away"):
        register(small(GOOD), small(GOOD), reference_mask=mask)


def test_a_mask_whose_axes_are_exchanged_is_refused() -> None:
    # On a cube voxel (0, 0, 0) and the opposite corner then still lie where the reference has them.
    mask = sitk.Image(8, 8, 8, sitk.sitkUInt8) + 1
    mask.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, 1))
    with pytest.raises(ValueError, match="on the reference's grid"):
        check_same_grid(mask, sitk.Image(8, 8, 8, sitk.sitkInt16))


def test_a_reference_that_was_made_ready_once_gives_the_same(
    reference: sitk.Image, breathed: sitk.Image, reference_liver: sitk.Image
) -> None:
    settings = RegistrationSettings(seed=5)
    prepared = PreparedReference(reference, settings)
    for mask in (None, reference_liver):
        alone = register(reference, breathed, reference_mask=mask, settings=settings)
        for _ in range(2):
            again = register(prepared, breathed, reference_mask=mask)
            assert again.transform.GetParameters() == alone.transform.GetParameters()
            assert again.evidence == alone.evidence
    with pytest.raises(ValueError, match="has its own settings"):
        register(prepared, breathed, settings=RegistrationSettings(seed=6))
