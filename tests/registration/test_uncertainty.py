"""How well a motion is known: against analytic distances, the similarity itself, and repeated noise."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from registration import uncertainty as uncertainty_module
from registration.region import sample_points
from registration.rigid import RigidMotion
from registration.search import IDENTITY, STEPS, refine, refine_last
from registration.similarity import MutualInformation
from registration.uncertainty import MODEL_ERROR, Uncertainty, uncertainty
from registration.volume import Volume, volume_from_image, world_from_index

CENTRE = np.array([5.0, -3.0, 10.0])


def test_the_error_of_a_translation_is_its_own() -> None:
    covariance = np.diag([0.0, 0.0, 0.0, 0.3, 0.0, 0.4]) ** 2
    known = Uncertainty(RigidMotion(IDENTITY, CENTRE), covariance)
    assert known.error_mm(np.random.default_rng(0).normal(0, 40, (50, 3))) == pytest.approx(0.5)


def test_the_error_of_an_angle_grows_with_the_arm() -> None:
    covariance = np.diag([0.0, 0.0, 2.0, 0.0, 0.0, 0.0]) ** 2  # in STEPS of a hundredth of a radian, about z
    known = Uncertainty(RigidMotion(IDENTITY, CENTRE), covariance)
    points = CENTRE + np.array([[30.0, 40.0, 7.0]])  # 50 mm from the axis
    assert known.error_mm(points) == pytest.approx(0.02 * 50.0)


def test_the_error_is_that_of_motions_drawn_from_the_covariance() -> None:
    rng = np.random.default_rng(1)
    root = rng.normal(0, 0.2, (6, 6))
    motion = np.array([0.2, -0.1, 0.3, 4.0, 5.0, -6.0])
    known = Uncertainty(RigidMotion(motion, CENTRE), root @ root.T)
    points = rng.normal(0, 60, (40, 3))
    here = RigidMotion(motion, CENTRE).move(points)
    # Rotation vectors and the three angles differ at the second order only where the motion turns little about x.
    drawn = [
        RigidMotion(motion + STEPS * (root @ rng.normal(size=6)), CENTRE).move(points) for _ in range(2000)
    ]
    spread = np.sqrt(np.mean([((there - here) ** 2).sum(axis=1).mean() for there in drawn]))
    assert known.error_mm(points) == pytest.approx(spread, rel=0.3)


def test_significance_is_the_distance_in_the_widened_covariance() -> None:
    known = Uncertainty(RigidMotion(IDENTITY, CENTRE), np.diag([1.0, 1.0, 1.0, 0.25, 1.0, 1.0]))
    assert known.significance(RigidMotion(np.array([0.0, 0, 0, 2.0, 0, 0]), CENTRE)) == pytest.approx(
        16.0 / MODEL_ERROR**2
    )
    assert (
        Uncertainty(RigidMotion(IDENTITY, CENTRE), None).significance(RigidMotion(IDENTITY + 1.0, CENTRE))
        == 0.0
    )


def similarity_of(
    reference: Volume, moving: Volume, region: np.ndarray, rng: np.random.Generator
) -> MutualInformation:
    samples = sample_points(reference, region, count=20_000, rng=rng)
    return MutualInformation(
        samples,
        moving,
        centre=world_from_index(reference, (np.array(reference.values.shape)[None] - 1) / 2)[0],
        bins=(32, 24),
        window_hu=(-250.0, 450.0),
        minimal_overlap=0.25,
    )


def test_shares_sum_to_the_similaritys_own_change(reference: sitk.Image, medium: sitk.Image) -> None:
    fixed, moving = volume_from_image(reference), volume_from_image(medium)
    # Deep inside, so that no point enters or leaves the moving volume's data: such are counted by the similarity alone.
    inner = np.zeros(fixed.values.shape, bool)
    inner[tuple(slice(n // 3, 2 * n // 3) for n in inner.shape)] = True
    similarity = similarity_of(fixed, moving, inner, np.random.default_rng(0))
    motion = np.array([0.05, -0.08, 0.09, 2.0, 5.0, 9.0])
    step = np.array([0, 0, 0, 0.05, 0, 0.05])
    shares = similarity.shares([motion + step, motion - step], motion)
    assert np.isfinite(shares).all()
    scores, _ = similarity.measure([motion + step, motion - step])
    assert float((shares[0] - shares[1]).sum()) == pytest.approx(float(scores[0] - scores[1]), rel=0.05)


def test_fits_of_other_noise_scatter_as_the_covariance_says() -> None:
    """Smooth blobs, the same each time, with noise of their own: the scatter of ten fits against the predicted one."""
    rng = np.random.default_rng(3)
    shape = (40, 60, 60)
    image = sitk.GetImageFromArray(rng.normal(0, 1, shape).astype(np.float32))
    blobs = sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, 9.0, 32, 0.01, False))
    blobs *= 100 / blobs.std()
    grid = np.diag([3.0, 3.0, 3.0]), np.zeros(3)
    region = np.zeros(shape, bool)
    region[4:-4, 4:-4, 4:-4] = True
    errors, predicted = [], []
    for _ in range(10):
        fixed, moving = (
            Volume((blobs + rng.normal(0, 60, shape)).astype(np.float32), *grid) for _ in range(2)
        )
        similarity = similarity_of(fixed, moving, region, rng)
        found = RigidMotion(refine_last(similarity, refine(similarity, IDENTITY)), similarity.centre)
        points = similarity.samples.points[::50]
        apart = found.move(points) - points
        errors.append(float((apart**2).sum(axis=1).mean()))
        predicted.append(uncertainty(similarity, found).error_mm(points))
    assert 1 / 3 < np.sqrt(np.mean(errors)) / np.median(predicted) < 3


def test_too_small_a_region_says_nothing(reference: sitk.Image, medium: sitk.Image) -> None:
    fixed, moving = volume_from_image(reference), volume_from_image(medium)
    region = np.zeros(fixed.values.shape, bool)
    region[10:13, 20:24, 20:24] = True
    known = uncertainty(
        similarity_of(fixed, moving, region, np.random.default_rng(0)), RigidMotion(IDENTITY, CENTRE)
    )
    assert known.covariance is None
    assert known.error_mm(np.zeros((3, 3))) == float("inf")


def test_a_region_mostly_beyond_the_moving_volume_says_nothing(
    reference: sitk.Image, medium: sitk.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed, moving = volume_from_image(reference), volume_from_image(medium)
    similarity = similarity_of(fixed, moving, np.ones(fixed.values.shape, bool), np.random.default_rng(0))
    gradients = np.zeros((20, 6))
    gradients[:5] = np.random.default_rng(1).normal(
        size=(5, 6)
    )  # five cubes cannot scatter in six directions
    monkeypatch.setattr(uncertainty_module, "_cube_gradients", lambda *_: gradients)
    monkeypatch.setattr(uncertainty_module, "_curvature", lambda *_: np.eye(6))
    known = uncertainty(similarity, RigidMotion(IDENTITY, CENTRE))
    assert known.significance(RigidMotion(IDENTITY + 1.0, CENTRE)) == 0.0
    assert known.error_mm(np.zeros((3, 3))) == float("inf")
