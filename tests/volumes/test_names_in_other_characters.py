"""A path that is no UTF-8, as of an old archive, is refused by every reader and writer: ITK ends the process at it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.dataset.destination import nnunet_folder
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import read_unchecked
from nnunet_multiphase.volumes.volume_file import read_volume as read_of_setup
from registration.file_header import refuse_unclear_header
from registration.itk_name import itk_name
from registration.volume_file import read_volume as read_of_register
from registration.volume_file import write_transform, write_volume

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")

LATIN = b"M\xfcller"
SAID = r"M\\xfcller.* is no path in UTF-8 .*rename that"


def placed(folder: Path, name: str) -> Path:
    """Write a volume into a folder whose name is Latin-1."""
    sitk.WriteImage(sitk.Image(8, 8, 8, sitk.sitkInt16), str(folder / name))
    there = folder / os.fsdecode(LATIN)
    there.mkdir()
    return (folder / name).rename(there / name)


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nrrd"])
@pytest.mark.parametrize("read", [read_of_register, read_of_setup, read_unchecked])
def test_a_path_that_is_no_utf_8_is_refused(
    tmp_path: Path, name: str, read: Callable[[Path], sitk.Image]
) -> None:
    path = placed(tmp_path, name)
    refuse_unclear_header(path, ["spacing", "orientation"])  # leaves it to the reader
    with pytest.raises(ValueError, match=SAID):
        read(path)


def test_nothing_is_written_under_such_a_path(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(LATIN)
    with pytest.raises(OSError, match=SAID):
        write_volume(sitk.GetImageFromArray(np.zeros((4, 4, 4), np.uint8)), path / "x.nii.gz")
    with pytest.raises(OSError, match=SAID):
        write_transform(sitk.Euler3DTransform(), path / "x.tfm")


def test_a_dataset_below_such_a_folder_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_raw", f"/data/{os.fsdecode(LATIN)}")
    with pytest.raises(InputError, match=f"nnUNet_raw: .*{SAID}"):
        nnunet_folder("nnUNet_raw")


def test_umlauts_in_utf_8_are_as_good_as_other_letters(tmp_path: Path) -> None:
    assert itk_name(tmp_path / "Müller") == f"{tmp_path}/Müller"
