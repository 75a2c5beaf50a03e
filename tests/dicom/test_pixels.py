"""Stored values to HU: every encoding comes out as it went in, and what was not measured becomes air."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_phantom import SHAPE, abdomen_hu, make_series, save
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset
from pydicom.filewriter import dcmwrite
from pydicom.pixels import apply_rescale, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGLSLossless, RLELossless

from nnunet_multiphase.dicom.padding import padding_to_air
from nnunet_multiphase.dicom.pixels import read_hu_and_remarks
from nnunet_multiphase.dicom.scan import scan_tree
from nnunet_multiphase.dicom.volumes import volumes_of
from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.errors import InputError

HU = abdomen_hu("pv")
_, ROW, COLUMN = np.indices(SHAPE)
CIRCLE = (ROW - 15.5) ** 2 + (COLUMN - 15.5) ** 2 > 15.5**2
"""Outside the circle a scanner measures in: the corners."""


def stored(values: np.ndarray, **tags: object) -> list[FileDataset]:
    """Make a series of stored values, 16 bits each, whatever the tags say of them."""
    items = make_series(np.zeros(SHAPE), description="pv", **tags)
    for item, plane in zip(items, values, strict=True):
        item.PixelData = (plane.astype(np.int64) % 65536).astype("<u2").tobytes()
    return items


SIGNED = {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15, "RescaleIntercept": 0}
UNSIGNED = {"PixelRepresentation": 0, "BitsStored": 16, "HighBit": 15}


def read(tmp_path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    (series,) = scan_tree(tmp_path).series
    (volume,) = volumes_of(series)
    assert volume.grid is not None, volume.blocked
    return read_hu_and_remarks(volume.grid, "case")


def as_pydicom(tmp_path: Path) -> np.ndarray:
    """Decode by pydicom alone, in the order of the positions."""
    items = [pydicom.dcmread(path) for path in tmp_path.iterdir()]
    items.sort(key=lambda item: item.ImagePositionPatient[2])
    return np.stack([apply_rescale(pixel_array(item), item) for item in items])


@pytest.mark.parametrize(
    "items",
    [
        stored(HU, **SIGNED),
        stored(HU + 1024, **UNSIGNED),
        stored(HU + 1024),
        stored(HU + 1024, PhotometricInterpretation="MONOCHROME1"),
        stored(HU + 8192, **UNSIGNED | {"RescaleIntercept": -8192}),
        stored((HU + 1024) // 4, RescaleSlope=4),
        stored(HU, **SIGNED | {"BitsStored": 12, "HighBit": 11}),
    ],
    ids=["signed", "unsigned", "12 bits", "MONOCHROME1", "extended", "slope", "signed 12 bits"],
)
def test_values_are_those_pydicom_decodes(items: list[FileDataset], tmp_path: Path) -> None:
    save(items, tmp_path)
    hu, remarks = read(tmp_path)
    np.testing.assert_array_equal(hu, as_pydicom(tmp_path))
    assert remarks == ()


def test_sign_at_the_high_bit_is_read(tmp_path: Path) -> None:
    # -1000 in 12 bits is 0x0C18; the four bits above are left 0.
    save(stored(np.where(HU < 0, HU + 4096, HU), **SIGNED | {"BitsStored": 12, "HighBit": 11}), tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], HU)


def test_bone_in_values_wrongly_called_signed_stays_bone(tmp_path: Path) -> None:
    bone = np.where(HU.max() == HU, 1500, HU)  # stored 2524: bit 11 is set
    save(stored(bone + 1024, PixelRepresentation=1), tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], bone)


def test_big_endian_is_read(tmp_path: Path) -> None:
    items = stored(HU, **SIGNED)
    for number, item in enumerate(items):
        item.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        item.PixelData = np.frombuffer(item.PixelData, "<u2").astype(">u2").tobytes()
        dcmwrite(tmp_path / f"{number}", item, enforce_file_format=True)
    np.testing.assert_array_equal(read(tmp_path)[0], HU)
    np.testing.assert_array_equal(as_pydicom(tmp_path), HU)


@pytest.mark.parametrize("word", ["nan", "inf", "abc", "1\\2"])
@pytest.mark.parametrize("tag", ["RescaleSlope", "RescaleIntercept"])
def test_rescaling_that_is_no_number_is_refused(tag: str, word: str, tmp_path: Path) -> None:
    items = stored(HU + 1024)
    for item in items:
        item[tag] = DataElement(tag, "LO", word)
    save(items, tmp_path)
    with pytest.raises(InputError, match="of an image is no number"):
        read(tmp_path)


def test_values_of_a_lost_rescaling_are_refused(tmp_path: Path) -> None:
    save(stored(HU + 1024, RescaleIntercept=4294967296), tmp_path)
    with pytest.raises(InputError, match=r"case: values up to 4\.29e\+09, which are no HU"):
        read(tmp_path)


def test_more_pixels_than_the_picture_has_are_refused(tmp_path: Path) -> None:
    items = stored(HU + 1024)
    for item in items:
        item.PixelData += item.PixelData[:64]
    save(items, tmp_path)
    with pytest.raises(InputError, match=r"cannot be read \(cut off, too many"):
        read(tmp_path)


def test_pixels_that_a_stray_piece_shifted_are_refused(tmp_path: Path) -> None:
    """A piece put in twice moves the picture's end out of its element, where it is read as elements of its own."""
    save(stored(HU + 1024), tmp_path)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        middle = len(content) - 1000
        path.write_bytes(content[:middle] + content[middle - 500 : middle] + content[middle:])
    with pytest.raises(InputError, match=f"{len(HU)} of {len(HU)} images have pixels that cannot be read"):
        read(tmp_path)


def test_zeros_after_the_picture_are_padding(tmp_path: Path) -> None:
    items = stored(HU + 1024)
    for item in items:
        item.PixelData += bytes(512)
    save(items, tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], HU)


def test_drawing_in_the_unused_bits_is_cleared(tmp_path: Path) -> None:
    drawn = HU + 1024 + np.where(ROW == COLUMN, 1 << 12, 0)
    items = stored(drawn)
    for item in items:
        item.add_new((0x6000, 0x0100), "US", 16)
        item.add_new((0x6000, 0x0102), "US", 12)
    save(items, tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], HU)


@pytest.mark.parametrize(
    ("syntax", "tags"),  # pydicom does not write signed JPEG-LS
    [
        (RLELossless, SIGNED),
        (RLELossless, UNSIGNED | {"RescaleIntercept": -8192}),
        (JPEGLSLossless, UNSIGNED | {"RescaleIntercept": -8192}),
    ],
)
def test_compressed_values_are_those_pydicom_decodes(syntax: str, tags: dict, tmp_path: Path) -> None:
    items = stored(HU - tags["RescaleIntercept"], **tags)
    for item in items:
        item.compress(syntax, generate_instance_uid=False)
    save(items, tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], HU)
    np.testing.assert_array_equal(as_pydicom(tmp_path), HU)


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000"])
@pytest.mark.parametrize("signed", [True, False])
def test_jpeg_lossless_and_2000_are_read(compressor: str, signed: bool, tmp_path: Path) -> None:
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    for z, plane in enumerate(HU):
        values = plane.astype(np.int16) if signed else (plane + 1024).astype(np.uint16)
        image = sitk.GetImageFromArray(values)
        for tag, value in {
            "0008|0060": "CT",
            "0020|000e": "1.2.826.0.1.3680043.2.1125.4711",
            "0020|0032": f"0\\0\\{z}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(z + 1),
            "0028|1052": "0",
            "0028|1053": "1",
        }.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(tmp_path / f"{z}.dcm"))
        writer.Execute(image)
        syntax = pydicom.dcmread(tmp_path / f"{z}.dcm").file_meta.TransferSyntaxUID
        assert syntax.is_compressed
    np.testing.assert_array_equal(read(tmp_path)[0], HU if signed else HU + 1024)


AIR_OUTSIDE = np.where(CIRCLE, -1024, HU)


@pytest.mark.parametrize(
    ("items", "value"),
    [
        # -2000 stored, and what each reading of it gives as HU
        (stored(np.where(CIRCLE, -2000, HU + 1024), **SIGNED | {"RescaleIntercept": -1024}), "-3024"),
        (stored(np.where(CIRCLE, -2000, HU + 1024), **UNSIGNED), "-3024"),
        (stored(np.where(CIRCLE, -2000, HU), **SIGNED), "-2000"),
        (stored(np.where(CIRCLE, 0, HU), **SIGNED), "0"),
        (stored(np.where(CIRCLE, 0, HU + 3000), **UNSIGNED | {"RescaleIntercept": -3000}), "-3000"),
        (stored(np.where(CIRCLE, 4095, HU + 1024), RescaleSlope=1), "3071"),
        (stored(np.where(CIRCLE, 30000, HU + 1024), **UNSIGNED), "28976"),
    ],
    ids=["signed", "signed in unsigned", "-2000 HU", "0 HU", "below air", "3071 HU", "high"],
)
def test_padding_that_no_tag_names_becomes_air_and_is_said(
    items: list[FileDataset], value: str, tmp_path: Path
) -> None:
    save(items, tmp_path)
    hu, remarks = read(tmp_path)
    np.testing.assert_array_equal(hu, AIR_OUTSIDE)
    assert f"padding of {value} HU became air" in remarks


@pytest.mark.parametrize(
    ("tags", "padding", "named", "value"),
    [
        (SIGNED | {"RescaleIntercept": -1024}, -2000, -2000, "-3024"),
        (UNSIGNED, 63536, 63536, "-3024"),
        (SIGNED, 0, 0, "0"),
        (UNSIGNED, 65535, 65535, "-1025"),
        (SIGNED, 4000, 4000, "4000"),
    ],
)
def test_padding_that_a_tag_names_becomes_air(
    tags: dict, padding: int, named: int, value: str, tmp_path: Path
) -> None:
    # Not the corners but a strip, as where two pictures were put together: no plateau tells it.
    strip = COLUMN < 3
    items = stored(np.where(strip, padding, HU - int(tags.get("RescaleIntercept", -1024))), **tags)
    for item in items:
        item.add_new("PixelPaddingValue", "SS" if tags["PixelRepresentation"] else "US", named)
    save(items, tmp_path)
    hu, remarks = read(tmp_path)
    near_air = {-1025: -1025}.get(int(value), -1024)  # within noise of air: left as it is
    np.testing.assert_array_equal(hu, np.where(strip, near_air, HU))
    assert (f"padding of {value} HU (PixelPaddingValue) became air" in remarks) == (near_air == -1024)


def test_padding_value_with_the_other_sign_is_found(tmp_path: Path) -> None:
    strip = COLUMN < 3
    items = stored(np.where(strip, -2000, HU + 1024), **SIGNED | {"RescaleIntercept": -1024})
    for item in items:
        item.add_new("PixelPaddingValue", "US", 63536)
    save(items, tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], np.where(strip, -1024, HU))


def test_tissue_of_the_padding_value_is_kept(tmp_path: Path) -> None:
    inside = HU.copy()
    inside[5, 14:18, 14:18] = 0  # water in the middle of the body
    items = stored(np.where(CIRCLE, 0, inside), **SIGNED)
    for item in items:
        item.add_new("PixelPaddingValue", "SS", 0)
    save(items, tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], np.where(CIRCLE, -1024, inside))


def test_range_of_padding_values_becomes_air(tmp_path: Path) -> None:
    noisy = np.where(COLUMN < 3, -2000 + ROW, HU)
    items = stored(noisy, **SIGNED)
    for item in items:
        item.add_new("PixelPaddingValue", "SS", -2000)
        item.add_new("PixelPaddingRangeLimit", "SS", -1900)
    save(items, tmp_path)
    hu, remarks = read(tmp_path)
    np.testing.assert_array_equal(hu, np.where(COLUMN < 3, -1024, HU))
    assert any(remark.startswith("padding of -2000 to -19") for remark in remarks)


def test_negative_values_called_unsigned_are_read(tmp_path: Path) -> None:
    save(stored(HU, **UNSIGNED | {"RescaleIntercept": 0}), tmp_path)
    hu, remarks = read(tmp_path)
    np.testing.assert_array_equal(hu, HU)
    assert remarks == ("negative values, which the files call unsigned, were read as negative",)


def test_values_that_are_no_hu_are_said(tmp_path: Path) -> None:
    save(stored(HU + 1024, RescaleSlope=40), tmp_path)
    _, remarks = read(tmp_path)
    # 40 x (largest stored) - 1024
    assert remarks == (f"values up to {40 * (int(HU.max()) + 1024) - 1024}, which are no HU",)


def test_import_says_what_became_air(tmp_path: Path) -> None:
    save(stored(np.where(CIRCLE, -2000, HU + 1024), **UNSIGNED), tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True)
    assert any("used as pv" in line and "padding of -3024 HU became air" in line for line in summary.remarks)
    assert "padding of -3024 HU became air" in summary.table.read_text()


def test_deflated_files_are_read(tmp_path: Path) -> None:
    items = stored(HU, **SIGNED)
    for item in items:
        item.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    save(items, tmp_path)
    np.testing.assert_array_equal(read(tmp_path)[0], HU)


@pytest.mark.parametrize(
    "hu",
    [
        HU,
        np.zeros(SHAPE, np.int16),
        np.where(HU > 100, 3071, HU),  # metal
        np.where((ROW == 31) & (COLUMN > 20), 3071, HU),  # a table's rail at the edge
        HU + np.where(HU < -900, np.random.default_rng(1).normal(0, 120, SHAPE), 0).round(),  # sharp kernel
    ],
    ids=["plain", "constant", "metal", "rail", "noise"],
)
def test_what_was_measured_is_left_alone(hu: np.ndarray) -> None:
    same, values = padding_to_air(hu)
    assert values == ()
    assert same is hu


@pytest.mark.parametrize("intercept", [-8192, -3072])
def test_values_of_a_wrong_intercept_are_no_padding(intercept: int, tmp_path: Path) -> None:
    save(stored(HU + 1024, **UNSIGNED | {"RescaleIntercept": intercept}), tmp_path)
    with pytest.raises(
        InputError, match=r"values below -1500 HU.*are no padding.*RescaleIntercept seems to be wrong"
    ):
        read(tmp_path)


def test_a_wrong_intercept_with_true_padding_is_found(tmp_path: Path) -> None:
    save(stored(np.where(CIRCLE, 0, HU + 1024), **UNSIGNED | {"RescaleIntercept": -8192}), tmp_path)
    with pytest.raises(InputError, match="RescaleIntercept"):
        read(tmp_path)


def test_a_case_with_a_wrong_intercept_is_not_written(tmp_path: Path) -> None:
    save(stored(HU + 1024, **UNSIGNED | {"RescaleIntercept": -8192}), tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert summary.written == ()
    assert "case patient_001, pv" in summary.failures[0]
    assert "RescaleIntercept" in summary.failures[0]


_PADDED = {
    "slices": np.where(np.arange(SHAPE[0])[:, None, None] < 9, -2000, HU),
    "all but the liver": np.where((ROW > 8) & (ROW < 20) & (COLUMN > 5) & (COLUMN < 18), HU, -3024),
    "circle and slices": np.where(np.arange(SHAPE[0])[:, None, None] < 4, -2000, np.where(CIRCLE, -3024, HU)),
    # As lossy compression leaves it.
    "blurred": np.where(CIRCLE, -2000 + np.random.default_rng(2).normal(0, 3, SHAPE).round(), HU),
}


@pytest.mark.parametrize("name", _PADDED)
def test_padding_may_be_most_of_a_volume(name: str) -> None:
    hu = _PADDED[name]
    air, values = padding_to_air(hu)
    assert min(values) >= -3024
    np.testing.assert_array_equal(air[hu >= -1500], hu[hu >= -1500])
