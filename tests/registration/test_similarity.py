"""The similarity: normalised mutual information and the joint histogram, against sklearn and numpy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score

from registration.region import SamplePoints
from registration.similarity import CHUNK, MutualInformation, normalised_mutual_information
from registration.volume import Volume

COUNTS = arrays(np.int64, (5, 4), elements=st.integers(0, 50)).filter(lambda h: h.any())


def entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


@given(COUNTS)
def test_nmi_agrees_with_sklearns_mutual_information(histogram: np.ndarray) -> None:
    h_joint = entropy(histogram)
    expected = 1 + mutual_info_score(None, None, contingency=histogram) / h_joint if h_joint > 1e-12 else 1.0
    # Both are sums of twenty terms in double precision.
    assert normalised_mutual_information(histogram) == pytest.approx(expected, abs=1e-9)


@given(COUNTS)
def test_nmi_is_symmetric(histogram: np.ndarray) -> None:
    assert normalised_mutual_information(histogram) == pytest.approx(
        float(normalised_mutual_information(histogram.T)), abs=1e-12
    )


def test_nmi_of_independent_values_is_one() -> None:
    assert normalised_mutual_information(np.outer([1, 2, 3], [4, 5])) == pytest.approx(1.0, abs=1e-12)


def test_nmi_of_values_that_tell_one_another_is_two() -> None:
    assert normalised_mutual_information(np.diag([3, 5, 9])) == pytest.approx(2.0, abs=1e-12)


def test_nmi_of_an_empty_histogram_is_one() -> None:
    assert normalised_mutual_information(np.zeros((3, 3))) == 1.0


def moving_volume(rng: np.random.Generator) -> Volume:
    values = rng.uniform(-300, 500, (9, 11, 13)).astype(np.float32)
    return Volume(values, np.diag([2.0, 3.0, 4.0]), np.array([10.0, 20.0, 30.0]))


def similarity_at_voxels(
    rng: np.random.Generator,
    *,
    pool: ThreadPoolExecutor | None = None,
    repeat: int = 1,
    bins: tuple[int, int] = (8, 6),
) -> tuple[MutualInformation, np.ndarray, np.ndarray]:
    """Sample exactly at the moving volume's voxels, where a spline gives back the voxels' values."""
    moving = moving_volume(rng)
    zyx = np.argwhere(np.ones(moving.values.shape, dtype=bool))
    points = np.tile(zyx[:, ::-1] * [2.0, 3.0, 4.0] + [10.0, 20.0, 30.0], (repeat, 1))
    reference_values = rng.uniform(-300, 500, len(points))
    similarity = MutualInformation(
        SamplePoints(points, reference_values),
        moving,
        centre=np.array([20.0, 35.0, 45.0]),
        bins=bins,
        window_hu=(-200.0, 400.0),
        minimal_overlap=0.25,
        pool=pool,
    )
    return similarity, reference_values, np.tile(moving.values.ravel(), repeat)


def test_joint_histogram_agrees_with_numpy() -> None:
    similarity, reference_values, moving_values = similarity_at_voxels(np.random.default_rng(0))
    # A nudge towards the inside, so that rounding leaves no border voxel out: shrink by turning nothing.
    histograms, inside = similarity.joint_histograms(np.zeros(6))
    # Reference: equal bins. Moving: each value split linearly between the two nearest bin centres.
    rows = np.clip((reference_values + 200) / 600 * 8, 0, 7.999).astype(int)
    place = np.clip((moving_values + 200) / 600 * 5, 0, 5)
    expected = np.zeros((8, 6))
    for column in range(6):
        np.add.at(expected[:, column], rows, np.maximum(0, 1 - np.abs(place - column)))
    assert inside[0] == len(rows)
    # Float32 splines of values up to 500: bins' shares are right to about 1e-5 each, a hundred a bin.
    np.testing.assert_allclose(histograms[0], expected, atol=5e-3)


def test_points_beyond_the_moving_data_are_not_counted() -> None:
    similarity, *_ = similarity_at_voxels(np.random.default_rng(1))
    # 13 voxels of 2 mm along x: a shift by 9 mm leaves the first 8 (0..15 mm -> 9..24 mm) inside.
    _, overlap = similarity.measure([0, 0, 0, 9.0, 0, 0])
    assert overlap[0] == pytest.approx(8 / 13, abs=1e-12)


def test_little_overlap_is_penalised_and_enough_is_not() -> None:
    similarity, *_ = similarity_at_voxels(np.random.default_rng(2))
    motions = np.array([[0, 0, 0, 9.0, 0, 0], [0, 0, 0, 21.0, 0, 0], [0, 0, 0, 500.0, 0, 0]])
    nmi, overlap = similarity.measure(motions)
    # 8 of 13 columns are enough; 2 of 13 are 0.615 of the quarter asked for; none costs 1.
    expected = nmi - [0.0, 1 - (2 / 13) / 0.25, 1.0]
    np.testing.assert_allclose(similarity(motions), expected, atol=1e-12)
    assert overlap[2] == 0


def test_any_number_of_threads_gives_the_same_bits() -> None:
    motions = np.random.default_rng(5).normal(0, 0.05, (7, 6))
    with ThreadPoolExecutor(1) as pool:
        two, *_ = similarity_at_voxels(np.random.default_rng(3), pool=pool, repeat=2 + CHUNK // 1287)
        one, *_ = similarity_at_voxels(np.random.default_rng(3), repeat=2 + CHUNK // 1287)
        assert np.array_equal(two(motions), one(motions))


def test_score_of_a_motion_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    similarity, *_ = similarity_at_voxels(np.random.default_rng(4))
    motions = np.random.default_rng(6).normal(0, 0.5, (5, 6))
    alone = [float(similarity(motion)[0]) for motion in motions]
    assert similarity(motions).tolist() == alone


def test_no_sample_points_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample point"):
        MutualInformation(
            SamplePoints(np.zeros((0, 3)), np.zeros(0)),
            moving_volume(np.random.default_rng(0)),
            centre=np.zeros(3),
            bins=(4, 4),
            window_hu=(0.0, 1.0),
            minimal_overlap=0.0,
        )
