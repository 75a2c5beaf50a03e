"""What is written: every voxel has the value and lies at the place that its DICOM slice gives it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_phantom import OBLIQUE, abdomen_hu, make_series, phase_series, save
from four_phases import NAMES
from pydicom.uid import JPEGLSLossless

from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.phases import PHASES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("phase", PHASES)
def test_voxels_are_those_of_the_dicom_files(phase: str, tmp_path: Path) -> None:
    save(phase_series(phase, description=NAMES[phase]), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / f"{phase}.nii.gz")
    # nibabel's order is (x, y, z)
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(), abdomen_hu(phase))
    assert image.get_data_dtype() == np.int16


@pytest.mark.parametrize(
    ("orientation", "position"),
    [
        # origin (-100, -80, 50); voxel x = 4, y = 7, z = 2 of 2 x 3 x 5 mm
        # axial: (-100 + 8, -80 + 21, 50 + 10)
        ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (-92.0, -59.0, 60.0)),
        # 8 (1, 0, 0) + 21 (0, 0.8, 0.6) + 10 (0, -0.6, 0.8) = (8, 10.8, 20.6)
        (OBLIQUE, (-92.0, -69.2, 70.6)),
        # 8 (0.6, 0.8, 0) + 21 (0, 0, -1) + 10 (-0.8, 0.6, 0) = (-3.2, 12.4, -21)
        ((0.6, 0.8, 0.0, 0.0, 0.0, -1.0), (-103.2, -67.6, 29.0)),
    ],
)
@pytest.mark.parametrize("instances", ["ascending", "descending"])
def test_voxel_lies_where_its_dicom_slice_lies(
    orientation: tuple[float, ...], position: tuple[float, ...], instances: str, tmp_path: Path
) -> None:
    hu = np.random.default_rng(7).integers(-1010, -990, (12, 32, 32))  # air
    hu[2, 7, 4] = 777
    slices = make_series(
        hu, description="pv", orientation=orientation, origin=(-100, -80, 50), spacing_mm=(2, 3, 5)
    )
    for k, item in enumerate(slices):
        item.InstanceNumber = k if instances == "ascending" else 100 - k
    save(slices, tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    index = np.argwhere(np.asarray(image.dataobj) == 777)
    assert len(index) == 1
    x, y, z, _ = image.affine @ [*index[0], 1]
    # NIfTI points left and forward where DICOM points right and backward. float32 headers: 1e-4 mm.
    assert (-x, -y, z) == pytest.approx(position, abs=1e-4)


def test_rescaling_is_applied_slice_by_slice(tmp_path: Path) -> None:
    hu = abdomen_hu("pv")
    slices = make_series(hu, description="pv")  # stored hu + 1024
    for item, slope in zip(slices, [1, 2] * 6, strict=True):
        item.RescaleSlope = slope
    save(slices, tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    written = np.asarray(image.dataobj).transpose()
    np.testing.assert_array_equal(written[::2], hu[::2])
    np.testing.assert_array_equal(written[1::2], 2 * hu[1::2] + 1024)  # 2 (hu + 1024) - 1024


def test_fractional_hu_stay_fractional(tmp_path: Path) -> None:
    save(make_series(np.zeros((12, 32, 32)), description="pv", RescaleSlope=0.50049), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    assert image.get_data_dtype() == np.float32
    # 1024 x 0.50049 - 1024, to float32's six digits
    assert float(np.asarray(image.dataobj)[0, 0, 0]) == pytest.approx(-511.49824, abs=1e-3)


def test_compressed_pixels_are_read(tmp_path: Path) -> None:
    slices = phase_series("pv", description="pv")
    for item in slices:
        item.compress(JPEGLSLossless, generate_instance_uid=False)
    save(slices, tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(), abdomen_hu("pv"))


def test_stacked_phases_become_two_files(tmp_path: Path) -> None:
    art = phase_series("art", series="both", description="LIVER 3 PHASE", AcquisitionNumber=1)
    pv = phase_series(
        "pv", series="both", description="LIVER 3 PHASE", AcquisitionNumber=2, first_instance=13
    )
    save([*art, *pv], tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    for phase in ("art", "pv"):
        image = nib.load(tmp_path / "raw" / "patient_001" / f"{phase}.nii.gz")
        np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(), abdomen_hu(phase))
    assert any("told apart by AcquisitionNumber" in remark for remark in summary.remarks)
