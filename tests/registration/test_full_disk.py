"""A volume or transform for which the disk has no room is an error that names the file, and none of it is left."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from registration.__main__ import _told
from registration.volume_file import read_volume, write_transform, write_volume

if sys.platform == "win32":
    pytest.skip("Windows limits no file's size", allow_module_level=True)
import resource

NOISE = np.random.default_rng(0).integers(-1000, 1000, (24, 32, 32)).astype(np.int16)
"""48 KiB; packed hardly less."""


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond that size: a file is cut off where a full disk would cut it off, and so says the system."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room_bytes", [0, 100, 20_000])
@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.mha", "x.nrrd"])
def test_a_volume_without_room_is_an_error(tmp_path: Path, name: str, room_bytes: int) -> None:
    with room_for(room_bytes), pytest.raises(OSError, match=name) as told:
        write_volume(sitk.GetImageFromArray(NOISE), tmp_path / name)
    assert told.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room_bytes", [0, 100])
@pytest.mark.parametrize("name", ["x.tfm", "x.txt"])  # HDF5 would take the process with it at its end
def test_a_transform_without_room_is_an_error(tmp_path: Path, name: str, room_bytes: int) -> None:
    bent = sitk.BSplineTransformInitializer(sitk.GetImageFromArray(NOISE), [4, 4, 4])
    with room_for(room_bytes), pytest.raises(OSError, match=name) as told:
        write_transform(bent, tmp_path / name)
    assert told.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.mha", "x.nrrd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_volume_with_room_is_written_as_it_is(tmp_path: Path, name: str, dtype: type) -> None:
    write_volume(sitk.GetImageFromArray(NOISE.astype(dtype)), tmp_path / name)
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(tmp_path / name)), NOISE.astype(dtype))


@pytest.mark.parametrize("name", ["x.tfm", "x.h5", "x.txt", "x.mat", "x.xfm"])
def test_a_transform_with_room_is_written_as_it_is(tmp_path: Path, name: str) -> None:
    transform = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.1, 0.0, -0.2, (1.0, 2.0, 3.0))
    write_transform(transform, tmp_path / name)
    there = sitk.ReadTransform(str(tmp_path / name))
    assert np.allclose(there.TransformPoint((10, 20, 30)), transform.TransformPoint((10, 20, 30)), atol=1e-3)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        write_volume(sitk.GetImageFromArray(NOISE), tmp_path / "absent" / "x.nii.gz")


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left", "a.tfm"),
            "a.tfm cannot be written: the disk is full (No space left)",
        ),
        (OSError(errno.EACCES, "Permission denied", "a.tfm"), "a.tfm: Permission denied"),
        (FileNotFoundError("There is no file a.nii"), "There is no file a.nii"),
    ],
)
def test_the_command_says_which_file_and_why(problem: OSError, sentence: str) -> None:
    assert _told(problem).startswith(sentence)
