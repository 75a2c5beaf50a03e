"""Millimetres and sides that no body has: voxels in other units, a width or depth of no one's, a mirrored body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from torso import SIZE, SPACING_MM, image_of, liver_mask, torso_hu
from torso_case import edit

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.plausibility import sample_volume
from nnunet_multiphase.cases.plausible_body import (
    find_implausible_body,
    find_implausible_spacing,
    measure_body,
)
from nnunet_multiphase.cases.plausible_masks import find_misplaced_liver
from registration.file_header import refuse_unclear_header

pytestmark = pytest.mark.slow


def spacing_clause(
    spacing: tuple[float, float, float],
    size: tuple[int, int, int] = SIZE,
    origin: tuple[float, float, float] = (-150.0, -120.0, 40.0),
    direction: tuple[int, int, int] = (1, 1, 1),
) -> str:
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(np.diag(direction).astype(float).ravel())
    finding = find_implausible_spacing(sample_volume(image))
    assert finding is None or finding.check == "spacing"
    return "" if finding is None else finding.clause


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(0.001, "metres"), (0.1, "centimetres"), (1 / 25.4, "inches"), (1000.0, "micrometres")],
)
def test_a_header_in_another_unit_is_named(factor: float, unit: str) -> None:
    assert unit in spacing_clause(tuple(np.multiply((0.7, 0.7, 1.5), factor).tolist()))


@pytest.mark.parametrize(
    "spacing", [(0.4, 0.4, 0.3), (0.97, 0.97, 10.0), (6.0, 6.0, 5.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)]
)
def test_ordinary_voxels_pass(spacing: tuple[float, float, float]) -> None:
    assert spacing_clause(spacing, (80, 70, 60)) == ""


def test_voxels_of_1_mm_at_the_matrix_of_a_scanner_are_lost_ones() -> None:
    assert "field of view of 512 mm" in spacing_clause((1.0, 1.0, 1.0), (512, 512, 40))
    assert spacing_clause((0.98, 0.98, 1.0), (512, 512, 40)) == ""


# SimpleITK's from an array, and nibabel's of np.eye(4)
@pytest.mark.parametrize("direction", [(1, 1, 1), (-1, -1, 1)])
@pytest.mark.parametrize("size", [(104, 82, 40), (400, 300, 40), (60, 260, 300), (120, 110, 100)])
def test_an_array_without_a_header_is_too_small_for_a_body(
    size: tuple[int, int, int], direction: tuple[int, int, int]
) -> None:
    clause = spacing_clause((1, 1, 1), size, (0, 0, 0), direction)
    assert "its first voxel at 0 0 0" in clause
    assert f"{size[0]} x {size[1]} x {size[2]} mm, too small to hold a liver" in clause


def test_a_file_without_a_header_of_its_own_is_refused_by_register_and_the_functions_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "pv.nii.gz"
    sitk.WriteImage(sitk.Image((104, 82, 40), sitk.sitkInt16), str(path))
    with pytest.raises(ValueError, match=r"104 x 82 x 40 mm, too small to hold a liver.*--accept spacing"):
        refuse_unclear_header(path)
    refuse_unclear_header(path, ["spacing"])


def test_voxels_of_1_mm_that_fit_a_body_or_were_placed_pass() -> None:
    assert spacing_clause((1, 1, 1), (360, 260, 200), (0, 0, 0)) == ""  # resampled to 1 mm
    assert spacing_clause((1, 1, 1), (104, 82, 40), (-20, 0, 0)) == ""  # a crop that kept its place
    assert spacing_clause((1, 1, 1.5), (104, 82, 40), (0, 0, 0)) == ""


def test_slices_too_near_for_a_body_are_found() -> None:
    assert "is 8 mm long" in spacing_clause((0.8, 0.8, 0.2), (512, 512, 40))


def body_clauses(image: sitk.Image) -> list[str]:
    sample = sample_volume(image)
    body = measure_body(sample)
    assert body is not None
    return [f"{finding.check}: {finding.clause}" for finding in find_implausible_body(sample, body)]


def respaced(*spacing: float) -> sitk.Image:
    image = image_of(torso_hu())
    image.SetSpacing(spacing)
    return image


def test_the_torso_is_measured_as_it_was_made() -> None:
    body = measure_body(sample_volume(image_of(torso_hu())))
    assert body is not None
    # One voxel of 5.6 mm: the rim counts or not.
    assert body.width_mm == pytest.approx(320, abs=5.6)
    assert body.depth_mm == pytest.approx(220, abs=5.6)
    assert body.middle_mm == pytest.approx(SIZE[0] * SPACING_MM[0] / 2, abs=5.6)


@pytest.mark.parametrize("spacing", [SPACING_MM, (2.8, 2.8, 4.0), (9.0, 9.0, 8.0)])
def test_small_and_large_patients_pass(spacing: tuple[float, ...]) -> None:
    assert body_clauses(respaced(*spacing)) == []  # 160 to 510 mm wide


@pytest.mark.parametrize(
    ("spacing", "said"),
    [((1.0, 1.0, 1.0), "body 5"), ((14.0, 14.0, 8.0), "mm wide"), ((5.6, 14.5, 8.0), "mm deep")],
)
def test_a_body_of_no_ones_size_is_found(spacing: tuple[float, ...], said: str) -> None:
    (clause,) = body_clauses(respaced(*spacing))
    assert clause.startswith("body-size: ")
    assert said in clause


def bare_crop(columns: int, repeat: int) -> sitk.Image:
    """Cut the body off at both sides and lose the header, with enough slices that their number says nothing."""
    middle = torso_hu().shape[2] // 2
    part = torso_hu()[:, :, middle - columns // 2 : middle + columns // 2].repeat(repeat, 0).repeat(4, 1)
    return sitk.GetImageFromArray(np.rint(part).astype(np.int16))


def test_a_body_cut_off_by_the_volumes_sides_is_judged_by_what_is_seen_of_it() -> None:
    image = bare_crop(32, 6)
    (clause,) = body_clauses(image)
    assert clause.startswith("spacing: ")
    assert "seen 32 mm wide" in clause
    image.SetOrigin((-20.0, 0.0, 0.0))  # a crop
    assert body_clauses(image) == []


def test_what_is_seen_of_a_cut_off_body_may_be_too_large_for_one() -> None:
    image = bare_crop(32, 1)
    image.SetSpacing((25.0, 1.4, 8.0))
    (clause,) = body_clauses(image)
    assert "holds a body at least 800 mm wide" in clause


def test_files_that_all_lost_their_header_are_refused(case: CaseFolder) -> None:
    for path in case.path.glob("*.nii.gz"):
        edit(path, lambda image: sitk.GetImageFromArray(sitk.GetArrayFromImage(image)))
    problems = check_case(case).problems
    assert sum("its first voxel at 0 0 0" in problem for problem in problems) == 2
    assert any("--accept spacing" in problem for problem in problems)


def test_exchanged_axes_are_found() -> None:
    exchanged = sitk.GetImageFromArray(np.rint(torso_hu()).astype(np.int16).transpose(0, 2, 1).copy())
    exchanged.SetSpacing(SPACING_MM)
    (clause,) = body_clauses(exchanged)
    assert "axes seem to be exchanged" in clause


@pytest.mark.parametrize(
    ("axes", "said"), [((1,), "spine in front"), ((1, 2), "spine in front"), ((0,), "upside down")]
)
def test_a_body_mirrored_against_its_header_is_found(axes: tuple[int, ...], said: str) -> None:
    (clause,) = body_clauses(image_of(np.flip(torso_hu(), axes)))
    assert clause.startswith("orientation: ")
    assert said in clause


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_a_file_that_is_stored_the_other_way_round_and_says_so_passes(axes: tuple[int, ...]) -> None:
    turned = sitk.Flip(image_of(torso_hu()), [2 in axes, 1 in axes, 0 in axes])  # keeps every voxel's place
    assert np.sign(np.diag(np.reshape(turned.GetDirection(), (3, 3)))).tolist() == [
        -1.0 if axis in axes else 1.0 for axis in (2, 1, 0)
    ]
    assert body_clauses(turned) == []
    assert find_misplaced_liver(np.flip(liver_mask(), axes), turned) is None


def test_a_volume_in_coronal_slices_passes() -> None:
    coronal = sitk.PermuteAxes(image_of(torso_hu()), [0, 2, 1])
    assert body_clauses(coronal) == []
    assert find_misplaced_liver(liver_mask().transpose(1, 0, 2), coronal) is None


def test_metres_are_refused_for_each_file_before_any_work(case: CaseFolder) -> None:
    def to_metres(image: sitk.Image) -> None:
        image.SetSpacing([s / 1000 for s in image.GetSpacing()])
        image.SetOrigin([o / 1000 for o in image.GetOrigin()])

    for path in case.path.glob("*.nii.gz"):
        edit(path, to_metres)
    problems = check_case(case).problems
    assert len(problems) == 2
    for phase, problem in zip(("art", "pv"), problems, strict=True):
        assert (
            f"case a, phase {phase}: {case.images[phase]} has voxels of 0.0056 x 0.0056 x 0.008 mm" in problem
        )
        assert "the header seems to be in metres" in problem


def test_phases_of_unlike_width_are_refused(case: CaseFolder) -> None:
    edit(case.images["art"], lambda image: image.SetSpacing((3.5, 3.5, 8.0)))
    (problem,) = check_case(case).problems
    # 320 mm of 5.6 mm voxels, told as 3.5 mm: 200 mm, and a voxel for the rim
    art, pv = (int(text.split()[-1]) for text in problem.replace("one", "body").split(" mm wide")[:2])
    assert art == pytest.approx(200, abs=4)
    assert pv == pytest.approx(320, abs=6)


def test_equal_slices_at_another_distance_are_refused(case: CaseFolder) -> None:
    edit(case.images["art"], lambda image: image.SetSpacing((5.6, 5.6, 1.25)))
    (problem,) = check_case(case).problems
    assert "art and pv both have 24 slices, but 1.25 and 8 mm apart" in problem


def test_padding_of_0_around_the_picture_is_told_and_hides_no_wrong_size(case: CaseFolder) -> None:
    def pad(image: sitk.Image) -> sitk.Image:
        hu = sitk.GetArrayFromImage(image)
        y, x = (np.arange(n) - (n - 1) / 2 for n in hu.shape[1:])
        outside = np.hypot(x[np.newaxis] / len(x), y[:, np.newaxis] / len(y)) > 0.5
        padded = sitk.GetImageFromArray(np.where(outside, np.int16(0), hu))
        padded.CopyInformation(image)
        return padded

    edit(case.images["art"], pad)
    (warning,) = (w for w in check_case(case).warnings if "around the picture" in w)
    assert f"case a, phase art: {case.images['art']} holds 0 in " in warning
    assert check_case(case).problems == ()
    edit(case.images["art"], lambda image: image.SetSpacing((2.0, 2.0, 8.0)))
    assert any("holds a body 11" in problem for problem in check_case(case).problems)  # 320 mm / 5.6 * 2
