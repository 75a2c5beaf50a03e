"""One volume, stored in any of 48 axis orders, comes in as the same voxels on the same grid."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from orders import ORDERS, stored
from scipy.spatial.transform import Rotation
from tiny_phases import LESION, mask_image, phase_image

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.lesions import lesion_table
from nnunet_multiphase.evaluation.scores import evaluate_case
from nnunet_multiphase.volumes.mask_file import MaskFiles, read_mask
from nnunet_multiphase.volumes.orientation import StoredGrid, as_stored, stored_grid, upright
from nnunet_multiphase.volumes.volume_file import read_upright, read_volume

pytestmark = pytest.mark.slow

TILTED = (0.9, -0.3, 0.2), (0.4, 0.8, -0.3), (0.0, 0.4, 0.9)  # rows, not yet orthonormal
PLACES_MM = ((-171.7, -250.125, 35.375), (123.4567, -0.0625, -1203.9), (-0.005, 300.015, 511.996))


def volume(tilted: bool, origin_mm: tuple[float, ...]) -> sitk.Image:
    """Make a volume of which no two voxels are equal, with three spacings."""
    image = sitk.GetImageFromArray(np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7))
    image.SetSpacing((0.703125, 0.8, 5.0))
    image.SetOrigin(origin_mm)
    if tilted:
        u, _, v = np.linalg.svd(np.array(TILTED))
        image.SetDirection((u @ v).ravel().tolist())
    return image


def identity(image: sitk.Image) -> tuple:
    """Give all that makes an image, to the last bit; repr tells -0.0 from 0.0."""
    header = image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()
    return repr(header), sitk.GetArrayFromImage(image).tobytes()


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])  # .nii.gz: as .nii; see test_one_axis_order
@pytest.mark.parametrize("tilted", [False, True])
def test_all_48_orders_are_one_volume_to_the_last_bit(tmp_path: Path, tilted: bool, suffix: str) -> None:
    path = tmp_path / f"volume{suffix}"
    for origin_mm in PLACES_MM:
        read = set()
        for order in ORDERS:
            sitk.WriteImage(stored(volume(tilted, origin_mm), order), str(path))
            read.add(identity(read_upright(path)))
        assert len(read) == 1


def test_a_volume_written_and_stored_in_another_order_again_and_again_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "volume.nii.gz"
    image, read = volume(True, PLACES_MM[0]), set()
    for order in ORDERS[::5]:
        sitk.WriteImage(stored(image, order), str(path))
        image = read_volume(
            path
        )  # its direction is a little another one, after each way through single precision
        read.add(identity(upright(image)))
    assert len(read) == 1


def test_no_voxel_of_a_whole_oblique_scan_is_moved_by_more_than_a_fiftieth_of_a_millimetre() -> None:
    for seed in range(50):
        image = sitk.Image([2, 2, 2], sitk.sitkUInt8)
        image.SetSpacing((511 * 0.97, 511 * 0.97, 699.0))  # its corners are those of 512 x 512 x 700 voxels
        image.SetOrigin(np.random.default_rng(seed).uniform(-500, 500, 3).tolist())
        image.SetDirection(Rotation.random(random_state=seed).as_matrix().ravel().tolist())
        turned, stays = upright(image), sitk.DICOMOrient(image, "LPS")
        for corner in np.ndindex(2, 2, 2):
            away = np.subtract(
                turned.TransformIndexToPhysicalPoint(corner), stays.TransformIndexToPhysicalPoint(corner)
            )
            assert np.linalg.norm(away) < 0.02


@pytest.mark.parametrize("order", ORDERS)
def test_every_voxel_keeps_its_value_at_its_place(order) -> None:
    image = volume(True, PLACES_MM[0])
    turned = upright(stored(image, order))
    assert np.array_equal(sitk.GetArrayFromImage(turned), sitk.GetArrayFromImage(image))
    for index in ((0, 0, 0), (6, 5, 4), (2, 3, 1)):
        away = np.subtract(
            turned.TransformIndexToPhysicalPoint(index), image.TransformIndexToPhysicalPoint(index)
        )
        assert (
            np.abs(away).max() <= 0.007
        )  # the origin's step of 0.01 mm, rounded, and a little for the direction


@pytest.mark.parametrize("order", ORDERS)
def test_the_way_back_gives_the_stored_file_bit_for_bit(order) -> None:
    image = stored(volume(True, PLACES_MM[1]), order)
    assert identity(as_stored(upright(image), stored_grid(image))) == identity(image)


def test_axes_are_named_after_where_they_go() -> None:
    image = volume(False, PLACES_MM[0])
    assert stored_grid(image).axes == "LPS"
    # index x along the patient's back to front, y from foot to head, z from left to right
    assert stored_grid(stored(image, ((1, 2, 0), (True, False, True)))).axes == "ASR"


def test_upright_axes_are_the_nearest_to_left_back_head() -> None:
    for order in ORDERS:
        direction = np.array(upright(stored(volume(True, PLACES_MM[0]), order)).GetDirection()).reshape(3, 3)
        assert (np.diag(direction) > 0.7).all()
        assert np.linalg.det(direction) == pytest.approx(1.0)  # right-handed, whatever came


def test_an_axial_volume_of_round_numbers_is_left_as_it_is(tmp_path: Path) -> None:
    image = volume(False, (-171.7, -250.13, 35.5))
    sitk.WriteImage(image, str(tmp_path / "axial.nii"))
    assert identity(read_upright(tmp_path / "axial.nii")) == identity(read_volume(tmp_path / "axial.nii"))


def test_what_cannot_lie_on_the_stored_grid_is_refused() -> None:
    grid = StoredGrid((7, 6, 4), (1.0,) * 3, (0.0,) * 3, (1.0, 0, 0, 0, 1, 0, 0, 0, 1), "LPS")
    with pytest.raises(InputError, match=r"expected \(7, 6, 4\) voxels"):
        as_stored(volume(False, PLACES_MM[0]), grid)


@pytest.mark.parametrize("order", ORDERS[5::7])
def test_a_mask_in_another_order_than_its_phase_lies_on_its_voxels(tmp_path: Path, order) -> None:
    image = phase_image("pv", spacing_mm=(12.0, 12.0, 10.0))
    mask = mask_image(image, LESION)
    sitk.WriteImage(stored(image, ORDERS[3]), str(tmp_path / "pv.nii.gz"))
    sitk.WriteImage(stored(mask, order), str(tmp_path / "mask.nii.gz"))
    read = read_mask(MaskFiles((tmp_path / "mask.nii.gz",)), read_upright(tmp_path / "pv.nii.gz"), "pv")
    assert np.array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(mask))


@pytest.mark.parametrize("order", ORDERS[4::9])
def test_slicers_crop_is_counted_along_the_axes_of_its_own_file(tmp_path: Path, order) -> None:
    mask = volume(True, PLACES_MM[0]) * 0
    mask[3, 4, 1] = 1
    whole = stored(mask, order)
    (place,) = np.argwhere(sitk.GetArrayFromImage(whole))[:, ::-1].tolist()
    first = [max(0, n - 1) for n in place]
    crop = whole[tuple(slice(a, n + 1) for a, n in zip(first, place, strict=True))]
    crop.SetMetaData("Segment0_Name", "tumour")
    crop.SetMetaData("Segment0_LabelValue", "1")
    crop.SetMetaData("Segmentation_ReferenceImageExtentOffset", " ".join(map(str, first)))
    sitk.WriteImage(crop, str(tmp_path / "lesions_pv.seg.nrrd"))
    files = MaskFiles((tmp_path / "lesions_pv.seg.nrrd",), organ="lesions")
    read = read_mask(files, upright(whole), "pv")
    assert np.argwhere(sitk.GetArrayFromImage(read)).tolist() == [[1, 4, 3]]


def test_a_copy_in_another_order_is_still_one(tmp_path: Path) -> None:
    image = phase_image("pv")
    sitk.WriteImage(image, str(tmp_path / "pv.nii.gz"))
    sitk.WriteImage(stored(image, ORDERS[20]), str(tmp_path / "art.nii.gz"))
    sitk.WriteImage(mask_image(image, LESION), str(tmp_path / "lesions_pv.nii.gz"))
    (problem,) = check_case(read_case_folder(tmp_path, require_lesions=True)).problems
    assert "hold the same voxels" in problem


@pytest.mark.parametrize("order", ORDERS[2::9])
def test_an_axial_diameter_is_axial_however_the_mask_is_stored(order) -> None:
    mask = sitk.GetImageFromArray(np.zeros((20, 20, 20), np.uint8))
    mask.SetSpacing((1.0, 2.0, 4.0))
    mask[3:8, 5, 2:17] = 1  # 5 mm to the left, one voxel deep, 60 mm high: only the 5 mm are axial
    (lesion,) = lesion_table(stored(mask, order))
    assert lesion.diameter_mm == pytest.approx(5.0)
    assert lesion.volume_ml == pytest.approx(5 * 15 * 8 / 1000)


@pytest.mark.parametrize("order", ORDERS[1::9])
def test_prediction_and_truth_in_two_orders_are_scored_voxel_by_voxel(order) -> None:
    truth = sitk.GetImageFromArray(np.zeros((10, 12, 14), np.uint8))
    truth.SetSpacing((1.0, 2.0, 4.0))
    truth[3:7, 5:9, 2:6] = 1  # 64 voxels
    prediction = truth * 1
    prediction[3:5, 5:9, 2:6] = 0  # 32 are left: Dice 2 * 32 / (32 + 64)
    score, _ = evaluate_case(stored(prediction, order), truth, case="one")
    assert score.dice == pytest.approx(2 / 3)
