"""A phase whose registration failed has no say in the crop: nobody knows where its data lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import LESION, QUICK, mask_image, phase_image

from nnunet_multiphase.alignment import align as alignment
from nnunet_multiphase.alignment.align import AlignedPhases, align_phases
from nnunet_multiphase.alignment.quality import measure_phase
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import FILL_HU
from nnunet_multiphase.prediction import coverage_shares
from registration import register

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images() -> dict[str, sitk.Image]:
    """Three phases of one grid; art, the reference, has 36 x 30 x 14 voxels of 5 x 5 x 7 mm."""
    grid = {"spacing_mm": (5.0, 5.0, 7.0), "tilt_degrees": 12.0}
    return {phase: phase_image(phase, seed=n, **grid) for n, phase in enumerate(("art", "pv", "dl"))}


@pytest.fixture(scope="module")
def legs() -> sitk.Image:
    """Two thighs with their bones, on a bed: nothing of an abdomen."""
    image = phase_image("pv", spacing_mm=(5.0, 5.0, 6.0), tilt_degrees=0.0)
    z, y, x = np.indices(image.GetSize()[::-1])
    hu = np.random.default_rng(4).normal(-1000, 8, z.shape)
    for centre in (9, 27):
        away = np.hypot(x - centre - 0.1 * z, y - 14)
        hu[away < 8] += 1055
        hu[away < 2.5] += 700
    hu[:, 24:26] += 900
    other = sitk.GetImageFromArray(hu.round().astype(np.int16))
    other.CopyInformation(image)
    return other


@pytest.fixture
def astray(images: dict[str, sitk.Image], monkeypatch: pytest.MonkeyPatch):
    """Let the registration of dl end wherever it is told, as failed; pv's is found to lie where it does."""
    found = register(images["art"], images["pv"], settings=QUICK)
    still = sitk.Euler3DTransform()

    def align(shift_mm: tuple[float, float, float], verdict: str = "failed", **options) -> AlignedPhases:
        away = sitk.Euler3DTransform()
        away.SetTranslation(shift_mm)
        results = iter(
            [
                replace(found, transform=still, verdict="ok", reasons=()),
                replace(found, transform=away, verdict=verdict, reasons=("for the test",)),
            ]
        )
        monkeypatch.setattr(alignment, "register", lambda *_, **__: next(results))
        return align_phases(images, "art", settings=QUICK, case="a", **options)

    return align


FULL = ((0, 0, 0), (36, 30, 14))


@pytest.mark.parametrize("shift_mm", [(0.0, 0.0, 49.0), (60.0, -40.0, 0.0), (0.0, 0.0, 158.0)])
def test_a_failed_phase_cuts_nothing_off(astray, shift_mm: tuple[float, float, float]) -> None:
    aligned = astray(shift_mm)
    assert aligned.box == FULL
    assert aligned.trusted_fraction == 1.0
    assert set(aligned.images) == {"art", "pv", "dl"}
    assert {image.GetSize() for image in aligned.images.values()} == {(36, 30, 14)}


def test_a_doubtful_phase_keeps_its_say(astray) -> None:
    aligned = astray((0.0, 0.0, 49.0), verdict="check")
    # 49 mm along z are 49 / cos(12 deg) mm within the grid's columns, seven slices and a little of the eighth.
    assert aligned.box[1][2] < 14
    assert aligned.not_trusted == {}


def test_its_channel_holds_its_data_where_it_came_out_and_air_elsewhere(astray) -> None:
    aligned = astray((0.0, 0.0, 49.0))
    values = sitk.GetArrayFromImage(aligned.images["dl"])
    share = aligned.not_trusted["dl"]
    assert 0.4 < share < 0.55  # half of the length is gone
    # Noise of the air around the body is -1024 now and then, too.
    assert np.mean(values != FILL_HU) == pytest.approx(share, abs=0.02)


def test_far_off_it_is_air_and_that_is_said(astray) -> None:
    aligned = astray((0.0, 0.0, 158.0))
    assert (sitk.GetArrayFromImage(aligned.images["dl"]) == FILL_HU).all()
    row = measure_phase(aligned, "dl", case="a", patient="a", split="train", centre_mm=np.zeros(3))
    assert "no say in the crop, where it has data in 0 % of the voxels" in row.warnings
    assert "registration failed: for the test" in row.warnings
    for phase in ("art", "pv"):
        row = measure_phase(aligned, phase, case="a", patient="a", split="train", centre_mm=np.zeros(3))
        assert row.covered_fraction == 0.0  # by all phases, dl with them
        assert "covered" not in row.warnings


def test_what_was_looked_at_without_it_is_counted(astray) -> None:
    outside, partly = coverage_shares(astray((0.0, 0.0, 49.0)))
    assert outside == 0.0
    assert 0.45 < partly < 0.6
    assert coverage_shares(astray((0.0, 0.0, 158.0))) == (0.0, 1.0)


def test_placed_by_its_header_after_a_failure_it_has_no_say_either(astray, images) -> None:
    images = {**images, "dl": images["dl"][6:, 6:, 6:]}
    aligned = astray((0.0, 0.0, 158.0), on_failure="header")
    assert aligned.by_header == ("dl",)
    assert aligned.box == FULL
    assert list(aligned.not_trusted) == ["dl"]


def test_phases_said_to_be_registered_keep_their_say(
    images: dict[str, sitk.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = replace(register(images["art"], images["pv"], settings=QUICK), verdict="failed", reasons=("x",))
    monkeypatch.setattr(alignment, "register", lambda *_, **__: found)
    cut = {"art": images["art"], "pv": images["pv"][:, :, 4:]}
    aligned = align_phases(cut, "art", settings=QUICK, registered=True)
    assert aligned.box == ((0, 0, 4), (36, 30, 10))  # as the headers say, on one grid
    assert aligned.not_trusted == {}


def test_nowhere_together_is_said_of_trusted_phases_only(astray) -> None:
    astray((0.0, 0.0, 400.0))  # a failed one far away is no reason
    with pytest.raises(InputError, match="case a: nowhere do all of art, pv, dl have data"):
        astray((0.0, 0.0, 400.0), verdict="check")


def test_another_part_of_the_body_leaves_the_crop_to_the_others(
    images: dict[str, sitk.Image], legs: sitk.Image
) -> None:
    legs = sitk.Image(legs)
    legs.SetOrigin(np.subtract(legs.GetOrigin(), (0.0, 0.0, 300.0)).tolist())
    pair = {"art": images["art"], "pv": images["pv"]}
    lesion = mask_image(images["art"], LESION)
    without = align_phases(pair, "art", settings=QUICK, keep_mask=lesion)
    aligned = align_phases({**pair, "dl": legs}, "art", settings=QUICK, keep_mask=lesion)
    assert aligned.results["dl"].verdict == "failed"
    assert aligned.box == without.box
    for phase in pair:
        assert np.array_equal(
            sitk.GetArrayFromImage(aligned.images[phase]), sitk.GetArrayFromImage(without.images[phase])
        )
    assert (
        sitk.GetArrayFromImage(aligned.images["dl"]).shape
        == sitk.GetArrayFromImage(aligned.images["art"]).shape
    )
