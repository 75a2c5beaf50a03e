"""A NIfTI file that is cut off, damaged or holds NaN is refused by whoever reads it, and a whole one is not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.volumes.volume_file import read_volume as read_of_setup
from registration.volume_file import read_volume as read_of_register

READERS = pytest.mark.parametrize("read", [read_of_register, read_of_setup], ids=["register", "setup"])
Read = Callable[[Path], sitk.Image]
VOLUME = np.random.default_rng(0).normal(
    0, 100, (6, 8, 10)
)  # noise: what is packed is as long as what is not


def written(folder: Path, name: str, dtype: type = np.int16) -> Path:
    """Write the volume; give the file that holds the voxels."""
    sitk.WriteImage(sitk.GetImageFromArray(VOLUME.astype(dtype)), str(folder / name))
    return max(folder.iterdir(), key=lambda path: path.stat().st_size)


@READERS
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.img", "x.img.gz", "x.hdr", "x.mha", "x.nrrd"])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, name: str, dtype: type, read: Read) -> None:
    data = written(tmp_path, name, dtype)
    whole = data.read_bytes()
    for cut in (1, len(whole) // 10, len(whole) // 2, len(whole) - 40, len(whole) - 14):
        data.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="x"):
            read(tmp_path / name)


@READERS
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.img", "x.img.gz", "x.hdr"])
def test_a_whole_file_is_read_as_it_is(tmp_path: Path, name: str, read: Read) -> None:
    written(tmp_path, name)
    assert np.array_equal(sitk.GetArrayFromImage(read(tmp_path / name)), VOLUME.astype(np.int16))


@READERS
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.img.gz", "x.nrrd"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_never_taken_for_0_hu(
    tmp_path: Path, name: str, value: float, read: Read
) -> None:
    values = VOLUME.astype(np.float32)
    values[3, 4, 5] = value
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / name))
    try:
        image = read(tmp_path / name)
    except ValueError as error:
        assert "not numbers" in str(error)  # noqa: PT017
    else:  # register refuses what it is given, whatever it came from
        assert not np.isfinite(sitk.GetArrayFromImage(image)[3, 4, 5])


@READERS
def test_a_flipped_byte_in_a_packed_file_is_noticed(tmp_path: Path, read: Read) -> None:
    path = written(tmp_path, "x.nii.gz")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"x\.nii\.gz"):
        read(path)


@READERS
@pytest.mark.parametrize("offset", [float("nan"), -352.0, 1e30])
def test_voxels_that_begin_nowhere_are_a_damaged_header(tmp_path: Path, offset: float, read: Read) -> None:
    path = written(tmp_path, "x.nii")
    raw = bytearray(path.read_bytes())
    raw[108:112] = np.float32(offset).tobytes()  # NIfTI-1's vox_offset
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"x\.nii"):
        read(path)


@READERS
def test_a_wrong_bitpix_lets_no_cut_file_pass(tmp_path: Path, read: Read) -> None:
    path = written(tmp_path, "x.nii", np.float32)
    raw = bytearray(path.read_bytes())
    raw[72:74] = (8).to_bytes(2, "little")  # NIfTI-1's bitpix; datatype still says float32
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ValueError, match="cut off"):
        read(path)


def test_what_a_few_bytes_claim_to_unpack_to_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = written(tmp_path, "x.nii").read_bytes() + bytes(1 << 27)
    packed = tmp_path / "y.nii.gz"
    packed.write_bytes(gzip.compress(raw, 1))
    unpacked = []
    plain = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda *a: unpacked.append(len(part := plain(*a))) or part)
    assert read_of_setup(packed).GetSize() == (10, 8, 6)
    assert sum(unpacked) < 1 << 24


@READERS
@pytest.mark.parametrize(
    ("at", "spoilt"),
    [
        (280 + 4 * 7, np.float32(np.inf).tobytes()),  # sform: ITK never ends over it
        (256, np.float32(np.nan).tobytes()),  # qform
        (80, np.float32(1e30).tobytes()),  # voxel size along x
        (0, (0).to_bytes(4, "little")),  # the header's length
        (40, (256 * 3).to_bytes(2, "little")),  # number of dimensions, in the other byte order
        (116, np.float32(np.nan).tobytes()),  # intercept of a slope of 1
        (112, np.float32(1e-30).tobytes()),  # slope
    ],
)
def test_a_header_that_places_the_volume_nowhere_is_refused_before_itk_reads_it(
    tmp_path: Path, at: int, spoilt: bytes, read: Read
) -> None:
    path = written(tmp_path, "x.nii")
    raw = bytearray(path.read_bytes())
    raw[at : at + len(spoilt)] = spoilt
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"x\.nii (has a damaged header|is not readable as NIfTI)"):
        read(path)


@READERS
@pytest.mark.parametrize("left", [0, 1, 20, 200])
def test_a_packed_header_that_is_cut_off_is_refused_before_itk_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, read: Read
) -> None:
    """ITK fills the rest of the header with whatever lies there, and may never come back from it."""
    path = written(tmp_path, "x.nii.gz")
    path.write_bytes(path.read_bytes()[:left])
    monkeypatch.setattr(sitk.ImageFileReader, "ReadImageInformation", lambda _: pytest.fail("ITK was asked"))
    with pytest.raises(ValueError, match=r"x\.nii\.gz is not readable as NIfTI"):
        read(path)


@READERS
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.img", "x.hdr", "x.img.gz"])
def test_analyze_is_refused_whatever_it_is_called(tmp_path: Path, name: str, read: Read) -> None:
    """Without NIfTI's mark ITK takes a header for Analyze 7.5 and lays the volume straight, left or right."""
    written(tmp_path, name)
    header = tmp_path / name.replace(".img", ".hdr")
    packed = header.name.endswith(".gz")
    raw = bytearray(gzip.decompress(header.read_bytes()) if packed else header.read_bytes())
    raw[344:348] = bytes(4)
    header.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(ValueError, match=r"Analyze 7\.5.*patient's right"):
        read(tmp_path / name)


@READERS
def test_numbers_that_are_not_used_may_be_none(tmp_path: Path, read: Read) -> None:
    path = written(tmp_path, "x.nii")
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.full(
        2, np.nan, np.float32
    ).tobytes()  # slope and intercept, as nibabel says "not scaled"
    raw[254:256] = bytes(2)  # no sform ...
    raw[280:328] = np.full(12, np.nan, np.float32).tobytes()  # ... and so no numbers of one
    path.write_bytes(raw)
    assert np.array_equal(sitk.GetArrayFromImage(read(path)), VOLUME.astype(np.int16))


def test_a_direction_that_is_none_is_refused_in_every_format(tmp_path: Path) -> None:
    written(tmp_path, "x.mha")
    text = (tmp_path / "x.mha").read_bytes()
    (tmp_path / "x.mha").write_bytes(
        text.replace(b"TransformMatrix = 1 0 0 0 1 0", b"TransformMatrix = 1 0 0 0 1 1")
    )
    with pytest.raises(ValueError, match="right angles"):
        read_of_setup(tmp_path / "x.mha")
