"""What cannot be: HU, millimetres and sides of a volume, masks in fat or air; and what is odd but right."""

from __future__ import annotations

import gzip
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from torso import SIZE, SPACING_MM, image_of, lesion_mask, liver_mask, torso_hu

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.check_names import CHECKS
from nnunet_multiphase.cases.liver_place import FoundLiver, locate_liver
from nnunet_multiphase.cases.plausibility import sample_volume
from nnunet_multiphase.cases.plausible_body import (
    find_implausible_body,
    find_implausible_spacing,
    measure_body,
)
from nnunet_multiphase.cases.plausible_masks import (
    find_implausible_mask_size,
    find_misplaced_lesions,
    find_misplaced_liver,
)
from nnunet_multiphase.cases.plausible_order import told_of_bright_liver
from nnunet_multiphase.cases.plausible_values import find_implausible_values
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import read_volume
from registration.file_header import find_unclear_header, read_nifti_header

pytestmark = pytest.mark.slow

Change = Callable[[np.ndarray], np.ndarray]


def values_finding(hu: np.ndarray) -> str:
    """Name the check that finds something in values, and its clause; the empty text: none."""
    finding = find_implausible_values(sample_volume(image_of(hu, np.float32)))
    return "" if finding is None else f"{finding.check}: {finding.clause}"


def with_metal(hu: np.ndarray) -> np.ndarray:
    hu = hu.copy()
    hu[10:12, 20:23, 30:34] = 20000.0
    return hu


def with_one_odd_voxel(hu: np.ndarray) -> np.ndarray:
    hu = hu.copy()
    hu[0, 0, 0], hu[0, 0, 1] = -3024.0, 32767.0
    return hu


RIGHT: dict[str, Change] = {
    "as it is": lambda hu: hu,
    "air masked to 0": lambda hu: np.where(hu < -700, 0.0, hu),
    "air masked to -1024": lambda hu: np.where(hu < -700, -1024.0, hu),
    "padded with -2000": lambda hu: np.where(np.indices(hu.shape)[2] < 8, -2000.0, hu),
    "padded with -3024 and -1024": lambda hu: np.where(
        np.indices(hu.shape)[1] < 6, -3024.0, np.where(hu < -900, -1024.0, hu)
    ),
    "cut at -1024 and 3071": lambda hu: np.clip(hu, -1024, 3071),
    "cut at -1000 and 1000": lambda hu: np.clip(hu, -1000, 1000),
    "noise of 40 HU": lambda hu: hu + np.random.default_rng(1).normal(0, 40, hu.shape),
    "metal": with_metal,
    "two odd voxels": with_one_odd_voxel,
    "the liver's box alone": lambda hu: hu[6:18, 12:34, 8:34],
}


@pytest.mark.parametrize("name", RIGHT)
def test_odd_but_right_values_pass(name: str) -> None:
    assert values_finding(RIGHT[name](torso_hu())) == ""


@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda hu: hu + 1024, "hu-offset"),
        (lambda hu: hu + 1000, "hu-offset"),
        (lambda hu: hu - 1024, "hu-offset"),
        (lambda hu: np.maximum(hu, -1024) - 1024, "hu-offset"),
        (lambda hu: hu + 8192, "hu-offset"),
        (lambda hu: np.where(hu < 0, hu + 65536, hu), "hu-offset"),
        (lambda hu: hu * 16, "hu-scale"),
        (lambda hu: hu / 1000, "hu-scale"),
        (lambda hu: (hu - hu.mean()) / hu.std(), "hu-scale"),
        (lambda hu: np.clip((hu + 160) / 400, 0, 1), "hu-scale"),
        (lambda hu: np.clip((hu + 160) / 400, 0, 1) * 2 - 1, "hu-scale"),
        (lambda hu: np.clip(hu, -160, 240), "hu-window"),
        (lambda hu: np.clip(hu, -200, 300), "hu-window"),
        (lambda hu: np.rint(np.clip((hu + 160) / 400, 0, 1) * 255), "hu-window"),
        (lambda hu: np.maximum(hu, 0), "hu-window"),
    ],
)
def test_values_that_are_no_hu_are_found(change: Change, check: str, cropped: bool) -> None:
    hu = torso_hu()[4:20, 8:40, 6:40] if cropped else torso_hu()
    assert values_finding(change(hu)).startswith(f"{check}: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda hu: hu + 1024, "about 1024 too high"),
        (lambda hu: hu - 1024, "about 1024 too low"),
        (lambda hu: -hu, "negated"),
        (lambda hu: 3000 - hu, "negated"),
        (lambda hu: hu + 200, "where the outer air is"),
        (lambda hu: hu - 200, "where the outer air is"),
        (lambda hu: hu / 2, "where the outer air is"),
        (lambda hu: hu * 2, "slope is lost"),
    ],
)
def test_outer_air_tells_what_was_done_to_the_values(change: Change, said: str) -> None:
    assert said in values_finding(change(torso_hu()))


def spacing_clause(spacing: tuple[float, float, float], size: tuple[int, int, int] = SIZE) -> str:
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetSpacing(spacing)
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


def test_the_liver_where_it_was_drawn_passes() -> None:
    assert find_misplaced_liver(liver_mask(), image_of(torso_hu())) is None


@pytest.mark.parametrize(("liver_hu", "noise_hu"), [(-15.0, 20.0), (5.0, 30.0), (250.0, 10.0)])
def test_fatty_and_bright_livers_pass(liver_hu: float, noise_hu: float) -> None:
    image = image_of(torso_hu(liver_hu=liver_hu, noise_hu=noise_hu))
    assert find_misplaced_liver(liver_mask(), image) is None


@pytest.mark.parametrize(
    ("axes", "cure"),
    [
        ((2,), "mirrored right to left it would fit"),
        ((0,), "mirrored upside down it would fit"),
        ((1, 2), "mirrored front to back and right to left it would fit"),
    ],
)
def test_a_mirrored_liver_mask_is_found_and_its_cure_named(axes: tuple[int, ...], cure: str) -> None:
    finding = find_misplaced_liver(np.flip(liver_mask(), axes), image_of(torso_hu()))
    assert finding is not None
    assert finding.check == "liver-hu"
    assert cure in finding.clause


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1]])
def test_a_liver_between_slices_of_a_lost_distance_is_found(order: list[int]) -> None:
    image, mask = image_of(torso_hu()), image_of(liver_mask(), np.uint8)
    drawn = sitk.GetArrayFromImage(sitk.PermuteAxes(mask, order)).astype(bool)
    assert find_implausible_mask_size(drawn, sitk.PermuteAxes(image, order), "liver") is None
    image.SetSpacing((*SPACING_MM[:2], 1.0))
    finding = find_implausible_mask_size(drawn, sitk.PermuteAxes(image, order), "liver")
    assert finding is not None
    assert finding.check == "spacing"
    assert "15 mm tall, too flat for a liver" in finding.clause


def square(values: np.ndarray, fill: float) -> np.ndarray:
    """Pad the slices on either side to as many rows as columns."""
    lacking = [max(values.shape[1:]) - n for n in values.shape[1:]]
    return np.pad(values, [(0, 0), *[(n // 2, n - n // 2) for n in lacking]], constant_values=fill)


def test_a_liver_mask_with_rows_and_columns_exchanged_is_found() -> None:
    image, mask = image_of(square(torso_hu(), -1000)), square(liver_mask(), 0)
    assert find_misplaced_liver(mask, image) is None
    finding = find_misplaced_liver(mask.transpose(0, 2, 1), image)
    assert finding is not None
    assert "with rows and columns exchanged it would fit" in finding.clause


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_liver_mask_30_mm_away_is_found(axis: int) -> None:
    voxels = round(30 / SPACING_MM[2 - axis])
    finding = find_misplaced_liver(np.roll(liver_mask(), voxels, axis), image_of(torso_hu()))
    assert finding is not None
    assert "moved by about 30 mm it would fit" in finding.clause


def test_lesions_where_they_were_drawn_pass() -> None:
    assert find_misplaced_lesions(lesion_mask(), image_of(torso_hu())) is None


@pytest.mark.parametrize("inside", [-950.0, -85.0, 1500.0])
def test_gas_fat_and_lipiodol_in_a_third_of_a_lesion_pass(inside: float) -> None:
    hu = torso_hu()
    voxels = np.argwhere(lesion_mask())
    for z, y, x in voxels[: len(voxels) // 4]:
        hu[z, y, x] = inside
    assert find_misplaced_lesions(lesion_mask(), image_of(hu)) is None


def test_a_cyst_passes() -> None:
    hu = torso_hu(noise_hu=30.0)
    hu[lesion_mask()] -= 45  # about 5 HU
    assert find_misplaced_lesions(lesion_mask(), image_of(hu)) is None


@pytest.mark.parametrize("centre", [(3, 21, 20), (21, 24, 20)])  # fat below the liver; lung
def test_lesions_in_fat_or_air_are_found(centre: tuple[int, int, int]) -> None:
    z, y, x = np.indices(SIZE[::-1])
    mask = ((z - centre[0]) * 8) ** 2 + ((y - centre[1]) * 5.6) ** 2 + ((x - centre[2]) * 5.6) ** 2 < 24**2
    finding = find_misplaced_lesions(np.asarray(mask), image_of(torso_hu()))
    assert finding is not None
    assert finding.check == "lesion-hu"


def test_an_inverted_mask_is_found() -> None:
    finding = find_implausible_mask_size(~lesion_mask(), image_of(torso_hu()), "lesions")
    assert finding is not None
    assert finding.check == "mask-size"
    assert "inside and outside seem to be exchanged" in finding.clause


@pytest.fixture
def case(tmp_path: Path) -> CaseFolder:
    """Write a case of two phases with both masks on pv."""
    folder = tmp_path / "a"
    folder.mkdir()
    for seed, phase in enumerate(("art", "pv")):
        sitk.WriteImage(image_of(torso_hu(seed=seed)), str(folder / f"{phase}.nii.gz"))
    sitk.WriteImage(image_of(lesion_mask(), np.uint8), str(folder / "lesions_pv.nii.gz"))
    sitk.WriteImage(image_of(liver_mask(), np.uint8), str(folder / "liver_pv.nii.gz"))
    return read_case_folder(folder, require_lesions=True)


def edit(path: Path, change: Callable[[sitk.Image], sitk.Image | None]) -> None:
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(change(image) or image, str(path))


def mirror(path: Path) -> None:
    """Mirror right to left under an unchanged header."""
    image = sitk.ReadImage(str(path))
    flipped = sitk.GetImageFromArray(sitk.GetArrayFromImage(image)[:, :, ::-1].copy())
    flipped.CopyInformation(image)
    sitk.WriteImage(flipped, str(path))


def test_a_plausible_case_has_nothing(case: CaseFolder) -> None:
    report = check_case(case)
    assert report.problems == report.warnings == report.accepted == ()


def test_padding_that_is_no_hu_is_said(case: CaseFolder) -> None:
    def padded(image: sitk.Image) -> None:
        image[:3] = -3024  # of 64 columns
        image[0, 0, 0] = -2000

    edit(case.images["art"], padded)
    report = check_case(case)
    assert report.problems == ()
    (warning,) = report.warnings
    assert warning.startswith(
        f"case a, phase art: {case.images['art']} holds -3024 and the like in 5 % of its voxels"
    )
    assert warning.endswith("taken as air (-1024 HU)")


def triple(case: CaseFolder, **liver_hu: float) -> CaseFolder:
    """Write the phases with a liver of these HU each."""
    for seed, (phase, hu) in enumerate(liver_hu.items()):
        sitk.WriteImage(
            image_of(torso_hu(liver_hu=hu, seed=seed)),
            str(case.path / f"{phase}.nii.gz"),
            useCompression=True,
        )
    return read_case_folder(case.path, require_lesions=True)


def test_an_unenhanced_phase_brighter_than_one_with_contrast_is_refused(case: CaseFolder) -> None:
    given = triple(case, nc=125, art=55, pv=115)
    (problem,) = check_case(given).problems
    assert problem.startswith(
        "case a: nc, the phase without contrast, is brighter in organs and vessels than art: "
    )
    assert "seem to be exchanged" in problem
    assert problem.endswith("pass --accept phase-order")
    report = check_case(given, ["phase-order"])
    assert report.problems == ()
    assert report.accepted == ("phase-order",)


@pytest.mark.parametrize("later", ["pv", "dl"])
@pytest.mark.parametrize("drawn", [True, False])
def test_a_liver_brighter_in_art_than_later_is_told(case: CaseFolder, later: str, drawn: bool) -> None:
    (case.path / "art.nii.gz").unlink()
    given = triple(case, art=110, pv=65 if later == "pv" else 120, dl=65 if later == "dl" else 95)
    if not drawn:
        given = replace(given, liver=None)
    report = check_case(given)
    assert report.problems == ()
    (warning,) = report.warnings
    assert warning.startswith("case a: what looks like the liver has about 1")
    assert f" HU in {later}" in warning


def test_another_organ_taken_for_the_liver_says_nothing_of_the_order() -> None:
    liver = FoundLiver(np.zeros((9, 3)), -0.3, 120.0, 1500.0)
    for other in (
        replace(liver, hu=60.0, points_mm=liver.points_mm + 61),
        replace(liver, hu=60.0, ml=900.0),
        replace(liver, hu=106.0),
        None,
    ):
        assert told_of_bright_liver({"art": liver, "pv": other}) == ""
    assert "120 HU in art and 104 HU in pv" in told_of_bright_liver(
        {"art": liver, "pv": replace(liver, hu=104.0)}
    )
    assert told_of_bright_liver({"art": liver, "nc": replace(liver, hu=50.0)}) == ""


@pytest.mark.parametrize("nc_hu", [55, 62, 110])
def test_phases_in_their_order_pass(case: CaseFolder, nc_hu: float) -> None:
    """The last is a liver full of iron, which contrast hardly brightens."""
    assert (
        check_case(
            triple(case, nc=nc_hu, art=60, pv=115) if nc_hu < 70 else triple(case, nc=110, art=112)
        ).problems
        == ()
    )


@pytest.mark.parametrize("spoilt", ["nc", "art"])
def test_noise_and_kilovolts_of_one_phase_are_no_contrast(case: CaseFolder, spoilt: str) -> None:
    given = triple(case, nc=58, art=60, pv=110)
    noise = np.random.default_rng(5).normal(0, 40, SIZE[::-1])

    def other_kilovolts(image: sitk.Image) -> sitk.Image:
        hu = sitk.GetArrayFromImage(image).astype(float)
        return image_of(np.where(hu > 60, 60 + (hu - 60) * 1.4, hu) + noise)

    edit(given.images[spoilt], other_kilovolts)
    assert check_case(given).problems == ()


def test_a_liver_for_a_lesion_is_refused(case: CaseFolder) -> None:
    shutil.copy(case.path / "liver_pv.nii.gz", case.path / "lesions_pv.nii.gz")
    (problem,) = check_case(case).problems
    assert (
        "fills 100 % of the liver mask: the labels or the files of liver and lesions seem to be exchanged"
        in problem
    )
    assert check_case(case, ["mask-size"]).problems == ()


def test_mirrored_masks_are_refused(case: CaseFolder) -> None:
    assert case.liver is not None
    for name in ("lesions_pv", "liver_pv"):
        mirror(case.path / f"{name}.nii.gz")
    problems = check_case(case).problems
    assert any(
        f"case a: {case.liver} has " in p and "mirrored right to left it would fit" in p for p in problems
    )


def test_a_mirrored_case_has_its_liver_on_the_left(case: CaseFolder) -> None:
    for path in case.path.glob("*.nii.gz"):
        mirror(path)
    (problem,) = check_case(case).problems
    assert "to the patient's left" in problem
    assert "situs inversus" in problem
    assert problem.endswith("pass --accept liver-side")


def test_what_is_accepted_is_a_warning_that_names_the_check(case: CaseFolder) -> None:
    for path in case.path.glob("*.nii.gz"):
        mirror(path)
    report = check_case(case, ["liver-side"])
    assert report.problems == ()
    assert report.accepted == ("liver-side",)
    (warning,) = report.warnings
    assert "(--accept liver-side)" in warning
    assert check_case(case, ["liver-hu"]).problems != ()


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


def rewrite(path: Path, at: int, data: bytes) -> None:
    """Overwrite bytes of a NIfTI header."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[at : at + len(data)] = data
    path.write_bytes(gzip.compress(bytes(content)))


def test_voxels_of_0_are_refused_without_itks_own_warning(
    case: CaseFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    rewrite(case.images["art"], 80, struct.pack("<3f", 0, 0, 0))
    (problem,) = check_case(case).problems
    assert f"{case.images['art']} has voxels of 0 x 0 x 0 in its header: the size is lost" in problem
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_of_0_in_other_formats_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"art{ending}"
    image = sitk.Image(5, 5, 5, sitk.sitkInt16)
    image.SetSpacing((2.0, 2.0, 3.0))
    sitk.WriteImage(image, str(path))
    text = path.read_text()
    lost = text.replace("ElementSpacing = 2 2 3", "ElementSpacing = 0 2 3").replace("(2,0,0)", "(0,0,0)")
    assert lost != text
    path.write_text(lost)
    with pytest.raises(InputError, match="voxel size of 0 in its header"):
        read_volume(path)


def test_a_header_without_orientation_is_refused(case: CaseFolder) -> None:
    rewrite(case.images["art"], 252, bytes(4))
    (problem,) = check_case(case).problems
    assert "qform and sform code are 0" in problem
    assert check_case(case, ["orientation"]).problems == ()


def test_forms_that_disagree_are_refused(case: CaseFolder) -> None:
    # The sform's first row, x in RAS: mirrored.
    rewrite(case.images["art"], 280, struct.pack("<4f", 5.6, 0, 0, 180.0))
    finding = find_unclear_header(case.images["art"])
    assert finding is not None
    # The corner at x = 63: -5.6 * 63 against +5.6 * 63, from the same origin.
    assert "up to 706 mm apart" in finding.clause


def test_the_qform_is_read_as_itk_writes_it(tmp_path: Path) -> None:
    image = image_of(torso_hu())
    image.SetDirection((0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    header = read_nifti_header(tmp_path / "a.nii.gz")
    assert header is not None
    assert header.qform is not None
    assert header.sform is not None
    assert np.allclose(header.qform, header.sform, atol=1e-3)
    assert find_unclear_header(tmp_path / "a.nii.gz") is None


@pytest.mark.parametrize(("space", "found"), [("space: left-posterior-superior\n", False), ("", True)])
def test_an_nrrd_without_space_has_no_sides(tmp_path: Path, space: str, found: bool) -> None:
    header = f"NRRD0004\ntype: short\ndimension: 3\n{space}sizes: 4 4 4\nencoding: raw\nendian: little\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(128))
    finding = find_unclear_header(tmp_path / "a.nrrd")
    assert (finding is not None) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("TransformMatrix = 1 0 0 0 1 0 0 0 1\n", False),
        ("Orientation = 1 0 0 0 1 0 0 0 1\n", False),
        ("", True),
    ],
)
def test_an_mha_without_directions_has_no_sides(tmp_path: Path, line: str, found: bool) -> None:
    header = f"ObjectType = Image\nNDims = 3\n{line}DimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(header.encode() + bytes(128))
    assert (find_unclear_header(tmp_path / "a.mha") is not None) == found


@pytest.fixture
def unmasked(case: CaseFolder) -> CaseFolder:
    """Take the liver mask away."""
    (case.path / "liver_pv.nii.gz").unlink()
    return read_case_folder(case.path, require_lesions=True)


def test_the_liver_is_found_where_it_was_made() -> None:
    found = locate_liver(sample_volume(image_of(torso_hu())))
    assert found is not None
    grid = image_of(torso_hu())
    index = [grid.TransformPhysicalPointToIndex(point) for point in found.points_mm.tolist()]
    inside = np.mean([liver_mask()[z, y, x] for x, y, z in index])
    assert inside > 0.9  # what is found is roughly the liver
    # -62 mm of half of 320 mm; the ellipsoid's even part may lie a few mm beside its centre.
    assert found.left == pytest.approx(-62 / 160, abs=0.06)


@pytest.mark.parametrize("axes", [(2,), (0,), (0, 1, 2)])
def test_the_liver_is_found_at_the_same_place_in_a_file_stored_the_other_way(axes: tuple[int, ...]) -> None:
    image = image_of(torso_hu())
    turned = sitk.Flip(image, [2 in axes, 1 in axes, 0 in axes])
    one, other = (locate_liver(sample_volume(i)) for i in (image, turned))
    assert one is not None
    assert other is not None
    # Other voxels are sampled at the far end: one sample of 5.6 or 8 mm.
    assert np.abs(one.points_mm.mean(axis=0) - other.points_mm.mean(axis=0)).max() < 8


def test_a_plausible_case_without_a_liver_mask_has_nothing(unmasked: CaseFolder) -> None:
    assert check_case(unmasked).problems == ()


def test_a_mirrored_case_without_any_liver_mask_is_found(unmasked: CaseFolder) -> None:
    for path in unmasked.path.glob("*.nii.gz"):
        mirror(path)
    (problem,) = check_case(unmasked).problems
    assert "case a seems to have its liver on the patient's left in every phase" in problem
    assert problem.endswith("--accept liver-side")


def test_one_mirrored_phase_of_two_is_no_situs(unmasked: CaseFolder) -> None:
    mirror(unmasked.images["art"])
    assert not any("in every phase" in problem for problem in check_case(unmasked).problems)


def test_lesions_away_from_any_liver_are_warned_of_without_a_liver_mask(unmasked: CaseFolder) -> None:
    assert check_case(unmasked).warnings == ()
    mirror(unmasked.path / "lesions_pv.nii.gz")  # into the spleen: soft tissue
    report = check_case(unmasked)
    assert report.problems == ()
    (warning,) = report.warnings
    assert "mm from what looks like the liver" in warning


def test_every_check_is_named_once_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    assert [name for name in CHECKS if text.count(f"| `{name}` |") != 1] == []


def test_prediction_refuses_and_accepts_as_setup_does(
    case: CaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnunet_multiphase.prediction import prepare as prediction

    for path in case.path.glob("*.nii.gz"):
        mirror(path)
    whole = ((0, 0, 0), SIZE)
    monkeypatch.setattr(prediction, "align_phases", lambda *_, **__: SimpleNamespace(box=whole, images={}))
    with pytest.raises(InputError, match="liver-side"):
        prediction.prepare_case(case.path, ("art", "pv"))
    (said,) = prediction.prepare_case(case.path, ("art", "pv"), accept=["liver-side"]).accepted
    assert "to the patient's left" in said
