"""A case's phases on the reference's grid: found motion, crop, air, messages."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import LIVER, QUICK, mask_image, phase_image

from nnunet_multiphase.alignment.align import AlignedPhases, align_phases, bounding_box, data_box
from nnunet_multiphase.alignment.overview import draw_overview
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import FILL_HU
from registration.figure import overlay_figure

pytestmark = pytest.mark.slow

SHIFT_MM = (3.0, -2.0, 9.0)


@pytest.fixture(scope="module")
def reference() -> sitk.Image:
    return phase_image("art", spacing_mm=(5.0, 5.0, 7.0), tilt_degrees=12.0)


@pytest.fixture(scope="module")
def moving() -> sitk.Image:
    return phase_image("pv", shift_mm=SHIFT_MM, seed=1)


@pytest.fixture(scope="module")
def aligned(reference: sitk.Image, moving: sitk.Image) -> AlignedPhases:
    liver = mask_image(reference, LIVER)
    return align_phases({"art": reference, "pv": moving}, "art", liver_mask=liver, settings=QUICK, case="a")


def test_known_motion_of_the_liver_is_found(aligned: AlignedPhases) -> None:
    centre = LIVER[0]
    found = np.subtract(aligned.transforms["pv"].TransformPoint(centre), centre)
    # Half of the reference's slice distance.
    assert np.linalg.norm(found - SHIFT_MM) < 3.5


def test_liver_mask_is_what_is_fitted(aligned: AlignedPhases) -> None:
    assert aligned.results["pv"].region == "mask"


def test_reference_stays_where_it_is(aligned: AlignedPhases, reference: sitk.Image) -> None:
    index, size = aligned.box
    expected = sitk.RegionOfInterest(reference, size, index)
    assert np.array_equal(sitk.GetArrayFromImage(aligned.images["art"]), sitk.GetArrayFromImage(expected))
    assert aligned.transforms["art"].TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_padding_below_air_becomes_air(reference: sitk.Image, moving: sitk.Image, dtype: type) -> None:
    def padded(image: sitk.Image) -> sitk.Image:
        values = sitk.GetArrayFromImage(image).astype(dtype)
        y, x = np.indices(values.shape[1:])
        circle = np.hypot(2 * y / values.shape[1] - 1, 2 * x / values.shape[2] - 1) < 1
        values[:, ~circle] = -3024
        other = sitk.GetImageFromArray(values)
        other.CopyInformation(image)
        return other

    found = align_phases({"art": padded(reference), "pv": padded(moving)}, "art", settings=QUICK)
    for phase, image in found.images.items():
        values = sitk.GetArrayFromImage(image)
        assert values.min() > -1100, phase  # noise about -1000
        assert (values == FILL_HU).mean() > 0.05


def test_pictures_are_the_same_in_a_process_whose_fonts_were_changed(
    aligned: AlignedPhases, reference: sitk.Image, moving: sitk.Image, tmp_path: Path
) -> None:
    # As seaborn does for nnU-Net's progress plot, for the rest of the process.
    for name, changes in (("a", {}), ("b", {"font.family": "serif", "font.size": 25, "savefig.dpi": 50})):
        with matplotlib.rc_context(changes):
            draw_overview(
                aligned,
                {"art": reference, "pv": moving},
                tmp_path / f"{name}.png",
                centre_mm=np.array(LIVER[0]),
                title="a case",
            )
            overlay_figure(reference, moving, None, tmp_path / f"{name} overlay.png", title="two volumes")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a overlay.png").read_bytes() == (tmp_path / "b overlay.png").read_bytes()


def test_all_phases_share_one_grid(aligned: AlignedPhases) -> None:
    grids = {
        (image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
        for image in aligned.images.values()
    }
    assert len(grids) == 1


def test_phases_agree_after_alignment(aligned: AlignedPhases, reference: sitk.Image) -> None:
    index, size = aligned.box
    liver = sitk.GetArrayFromImage(sitk.RegionOfInterest(mask_image(reference, LIVER), size, index)).astype(
        bool
    )
    inner = liver & (sitk.GetArrayFromImage(aligned.images["art"]) > 50)  # without the lesion (30 HU)
    # pv liver is 115 HU, its surroundings 20: the median holds as long as most of the mask lies on liver.
    assert abs(np.median(sitk.GetArrayFromImage(aligned.images["pv"])[inner]) - 115) < 3


def test_uncovered_voxels_are_air_and_counted(reference: sitk.Image, moving: sitk.Image) -> None:
    short = moving[:, :, 8:]
    whole = align_phases({"art": reference, "pv": moving}, "art", settings=QUICK)
    cut = align_phases(
        {"art": reference, "pv": short},
        "art",
        settings=QUICK,
        keep_mask=sitk.Cast(reference * 0 + 1, sitk.sitkUInt8),
    )
    values = sitk.GetArrayFromImage(cut.images["pv"])
    assert cut.images["art"].GetSize() == reference.GetSize()  # the mask to keep is everywhere
    assert cut.covered_fraction < whole.covered_fraction
    assert np.mean(values != FILL_HU) == pytest.approx(
        cut.covered_fraction, abs=0.02
    )  # noise may be -1024, too


def test_crop_holds_the_mask_to_keep(reference: sitk.Image, moving: sitk.Image) -> None:
    corner = reference * 0
    corner[0, 0, 0] = 1
    box = align_phases(
        {"art": reference, "pv": moving[4:, 4:, 4:]},
        "art",
        keep_mask=sitk.Cast(corner, sitk.sitkUInt8),
        settings=QUICK,
    ).box
    assert box[0] == (0, 0, 0)


def test_padding_slices_are_no_data(reference: sitk.Image, moving: sitk.Image) -> None:
    padded = sitk.ConstantPad(moving, [0, 0, 3], [0, 0, 2], -1024)
    plain = align_phases({"art": reference, "pv": moving}, "art", settings=QUICK)
    other = align_phases({"art": reference, "pv": padded}, "art", settings=QUICK)
    assert other.box == plain.box
    assert np.array_equal(
        sitk.GetArrayFromImage(other.images["pv"]), sitk.GetArrayFromImage(plain.images["pv"])
    )


def test_data_box_leaves_padding_out() -> None:
    values = np.full((6, 5, 4), -1024, np.int16)  # (z, y, x)
    values[2:5, 1:5, 3:4] = [[[0]], [[1]], [[2]]]
    # By hand, first voxel and size in (x, y, z).
    assert data_box(sitk.GetImageFromArray(values)) == ((3, 1, 2), (1, 4, 3))


def test_bounding_box_by_hand() -> None:
    mask = np.zeros((4, 5, 6), bool)  # (z, y, x)
    mask[1, 2, 3] = mask[2, 2, 5] = True
    assert bounding_box(mask) == ((3, 2, 1), (3, 1, 2))


def test_volumes_that_are_unsigned_can_be_air(reference: sitk.Image, moving: sitk.Image) -> None:
    unsigned = sitk.Cast(sitk.Clamp(moving, lowerBound=0), sitk.sitkUInt16)
    keep = sitk.Cast(reference * 0 + 1, sitk.sitkUInt8)
    aligned = align_phases(
        {"art": reference, "pv": unsigned[:, :, 8:]}, "art", settings=QUICK, keep_mask=keep
    )
    assert sitk.GetArrayFromImage(aligned.images["pv"]).min() == FILL_HU


def test_failed_registration_names_case_and_phase(reference: sitk.Image, moving: sitk.Image) -> None:
    with pytest.raises(InputError, match=r"case a, phase pv: .*same value"):
        align_phases({"art": reference, "pv": moving * 0}, "art", settings=QUICK, case="a")


def test_reference_that_is_not_among_the_phases(reference: sitk.Image) -> None:
    with pytest.raises(InputError, match="reference phase dl"):
        align_phases({"art": reference}, "dl", case="a")
