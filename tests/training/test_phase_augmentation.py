"""Phases dropped and moved in training: which, how often, and never the reference."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from nnunetv2.preprocessing.normalization.default_normalization_schemes import CTNormalization
from scipy.ndimage import shift

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.phase_augmentation import drop_phases, misalign_phases
from nnunet_multiphase.training.phase_channels import PhaseChannels, filled_value, read_phase_channels

ABSENT = (-1.0, -2.0, -3.0, -4.0)
CHANNELS = PhaseChannels(
    ("nc", "art", "pv", "dl"),
    ABSENT,
    reference={"a": 2, "b": 0},
    filled={"b": frozenset({3})},
    doubtful={"a": frozenset({1})},
)
INTENSITIES = {"mean": 90.0, "std": 20.0, "percentile_00_5": -50.0, "percentile_99_5": 200.0}


def batch(samples=2, channels=4, size=(4, 6, 8), seed=0):
    return torch.randn(samples, channels, *size, generator=torch.Generator().manual_seed(seed))


def absent_channels(sample):
    return {c for c in range(4) if bool((sample[c] == ABSENT[c]).all())}


def test_every_subset_that_holds_the_reference_comes_up_and_no_other():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        data = drop_phases(batch(1), ["a"], CHANNELS, probability=1.0, rng=rng)
        seen.add(frozenset(absent_channels(data[0])))
    expected = {frozenset(s) for s in ({0}, {1}, {3}, {0, 1}, {0, 3}, {1, 3}, {0, 1, 3})}
    assert seen == expected


def test_the_share_of_samples_is_the_probability():
    rng = np.random.default_rng(1)
    lost = sum(
        bool(absent_channels(drop_phases(batch(1), ["a"], CHANNELS, probability=0.3, rng=rng)[0]))
        for _ in range(1000)
    )
    assert lost == pytest.approx(300, abs=58)  # four standard deviations of a binomial


def test_the_other_channels_are_untouched():
    before = batch()
    data = drop_phases(before.clone(), ["a", "a"], CHANNELS, probability=1.0, rng=np.random.default_rng(2))
    for sample, old in zip(data, before, strict=True):
        for channel in set(range(4)) - absent_channels(sample):
            assert torch.equal(sample[channel], old[channel])


def test_a_missing_phase_is_constant_again_after_augmentation():
    data = drop_phases(batch(), ["a", "b"], CHANNELS, probability=0.0, rng=np.random.default_rng(0))
    assert absent_channels(data[0]) == set()
    assert absent_channels(data[1]) == {3}


def test_a_case_with_the_reference_alone_loses_nothing_more():
    channels = PhaseChannels(("art", "pv"), (-1.0, -2.0), {"a": 1}, {"a": frozenset({0})})
    data = drop_phases(batch(1, 2), ["a"], channels, probability=1.0, rng=np.random.default_rng(0))
    assert (data[0, 0] == -1).all()
    assert not (data[0, 1] == -2).any()


def test_a_case_that_dataset_json_does_not_know_stays():
    data = batch(1)
    expected = data.clone()
    drop_phases(data, ["other"], CHANNELS, probability=1.0, rng=np.random.default_rng(0))
    misalign(data, ["other"], probability=1.0)
    assert torch.equal(data, expected)


def test_a_cascades_channels_stay():
    before = batch(1, 5)
    data = drop_phases(before.clone(), ["a"], CHANNELS, probability=1.0, rng=np.random.default_rng(0))
    misalign(data, ["a"], probability=1.0)
    assert torch.equal(data[0, 4], before[0, 4])


def misalign(
    data,
    cases,
    *,
    spacing_mm=(4.0, 1.0, 1.0),
    probability=1.0,
    ok_mm=0.5,
    doubtful_mm=3.0,
    seed=0,
    channels=CHANNELS,
):
    return misalign_phases(
        data,
        cases,
        channels,
        spacing_mm=spacing_mm,
        probability=probability,
        ok_mm=ok_mm,
        doubtful_mm=doubtful_mm,
        rng=np.random.default_rng(seed),
    )


def test_the_reference_is_never_moved_and_the_others_are():
    before = batch()
    data = misalign(before.clone(), ["a", "b"])
    moved = [[not torch.equal(data[s, c], before[s, c]) for c in range(4)] for s in range(2)]
    assert moved == [[True, True, False, True], [False, True, True, True]]


def test_a_shift_is_scipys_linear_shift():
    before = batch(1, size=(6, 10, 12))
    rng = np.random.default_rng(5)
    data = misalign(before.clone(), ["a"], spacing_mm=(2.0, 1.0, 0.5), ok_mm=2.0, doubtful_mm=2.0, seed=5)
    for channel in (0, 1, 3):
        assert rng.random() < 1
        voxels = rng.normal(0, 2.0 / np.sqrt(3), 3) / (2.0, 1.0, 0.5)
        expected = shift(before[0, channel].double().numpy(), voxels, order=1, mode="nearest")
        # float32 sums of eight numbers of order one
        np.testing.assert_allclose(data[0, channel], expected, atol=1e-5)


def test_shifts_are_as_long_as_asked_and_longer_where_the_registration_is_doubtful():
    ramp = torch.arange(64.0).expand(1, 4, 4, 4, 64).clone()  # its change is the shift along x, in voxels
    moved = {channel: [] for channel in (0, 1)}
    for seed in range(300):
        change = (misalign(ramp.clone(), ["a"], seed=seed) - ramp)[0, :, 0, 0, 32]
        for channel, values in moved.items():
            values.append(float(change[channel]))
    rms = {channel: np.sqrt(np.mean(np.square(values))) for channel, values in moved.items()}
    # 300 draws: the standard deviation of such an estimate is 4 %
    assert rms[0] == pytest.approx(0.5 / np.sqrt(3), rel=0.17)
    assert rms[1] == pytest.approx(3.0 / np.sqrt(3), rel=0.17)


@pytest.mark.parametrize(("bound_mm", "length_mm"), [(0.1, 0.5), (1.44, 1.0), (2.88, 2.0), (150.0, 3.0)])
def test_a_known_error_decides_between_the_least_and_the_most(bound_mm, length_mm):
    channels = replace(CHANNELS, error_mm={"a": {0: bound_mm, 1: bound_mm}})
    ramp = torch.arange(64.0).expand(1, 4, 4, 4, 64).clone()
    moved = {channel: [] for channel in (0, 1)}
    for seed in range(300):
        change = (misalign(ramp.clone(), ["a"], seed=seed, channels=channels) - ramp)[0, :, 0, 0, 32]
        for channel, values in moved.items():
            values.append(float(change[channel]))
    # Channel 1 is doubtful: where the error is known, that says no more.
    for values in moved.values():
        assert np.sqrt(np.mean(np.square(values))) == pytest.approx(length_mm / np.sqrt(3), rel=0.17)


def test_two_dimensions():
    before = batch(1, size=(6, 8))
    data = misalign(before.clone(), ["a"], spacing_mm=(1.0, 1.0))
    assert not torch.equal(data, before)
    assert torch.equal(data[0, 2], before[0, 2])


def test_the_fill_value_is_what_nnunets_normalisation_makes_of_air():
    image = CTNormalization(intensityproperties=INTENSITIES, use_mask_for_norm=False).run(
        np.full((2, 2, 2), -1024, np.float32), None
    )
    assert filled_value(INTENSITIES) == pytest.approx(float(image[0, 0, 0]), rel=1e-6)


def dataset_json(**changes):
    return {"phases": ["art", "pv"], "reference_phase": {"x": "pv"}} | changes


def test_phases_are_read_from_dataset_json():
    plans = {"foreground_intensity_properties_per_channel": {"0": INTENSITIES, "1": INTENSITIES}}
    read = read_phase_channels(
        dataset_json(
            filled={"x": ["art"]},
            doubtful_registration={"x": ["art"]},
            registration_error_mm={"x": {"art": 0.7}},
        ),
        plans,
        ["CTNormalization"] * 2,
    )
    assert read.phases == ("art", "pv")
    assert read.reference == {"x": 1}
    assert read.filled == read.doubtful == {"x": {0}}
    assert read.error_mm == {"x": {0: 0.7}}
    assert read.absent_values == pytest.approx((-7.0, -7.0))  # (-50 - 90) / 20


@pytest.mark.parametrize(
    ("changes", "scheme"),
    [({"phases": None}, "CT"), ({"reference_phase": {}}, "CT"), ({}, "ZScore")],
)
def test_a_dataset_that_says_too_little_has_no_phases(changes, scheme):
    plans = {"foreground_intensity_properties_per_channel": {"0": INTENSITIES, "1": INTENSITIES}}
    assert read_phase_channels(dataset_json(**changes), plans, [f"{scheme}Normalization"] * 2) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"reference_phase": {"x": "nc"}},
            "in reference_phase that case x has nc, which is none of its phases art, pv",
        ),
        ({"filled": {"y": ["dl"]}}, "in filled that case y has dl"),
        ({"registration_error_mm": {"x": {"nc": 1.0}}}, "in registration_error_mm that case x has nc"),
        ({"channel_names": {"0": "CT"}}, r"has 1 channels \(0\) and 2 phases \(art, pv\)"),
    ],
)
def test_phases_that_were_shortened_by_hand_are_refused(changes, said):
    plans = {"foreground_intensity_properties_per_channel": {"0": INTENSITIES, "1": INTENSITIES}}
    with pytest.raises(InputError, match=said):
        read_phase_channels(dataset_json(**changes), plans, ["CTNormalization"] * 2)
