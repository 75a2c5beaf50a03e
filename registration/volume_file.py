"""Read and write volumes and transforms, and notice what was cut short or holds what is no number."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import SimpleITK as sitk

from registration.itk_name import itk_name
from registration.nifti_bytes import check_nifti, check_nifti_header, is_nifti_name
from registration.unreadable import why_unreadable


def read_volume(path: Path) -> sitk.Image:
    """Read a volume.

    Args:
        path: File in any format ITK reads.

    Returns:
        The image as stored.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image, its name is no text, or it is a NIfTI file that is cut short or holds NaN, which ITK
            reads as zeros without a word.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; give the path of a volume.")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # ITK's own complaints come in ours
    before = state_of(path)
    check_nifti_header(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(itk_name(path))
    try:
        reader.ReadImageInformation()
        check_nifti(path, reader)
        image = reader.Execute()
        refuse_written(path, before)
        return image
    except RuntimeError as problem:
        raise ValueError(why_unreadable(path, problem)) from problem


def state_of(path: Path) -> tuple[int, ...]:
    """Give what changes with a file that is written or replaced."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def refuse_written(path: Path, before: tuple[int, ...]) -> None:
    """Refuse a file that was written while it was read: what was looked at is not what was read.

    Args:
        path: The file.
        before: Its `state_of` before the first look.

    Raises:
        ValueError: It was, or is gone.
    """
    try:
        same = state_of(path) == before
    except OSError:
        same = False
    if not same:
        raise ValueError(
            f"{path} changed while it was read: wait until it is written, then run the same again"
        )


def write_volume(image: sitk.Image, path: Path, *, compress: bool = True) -> None:
    """Write a volume, and make sure that the disk has all of it.

    ITK says nothing of a NIfTI or NRRD file that a full disk has cut off: it is looked at again.

    Args:
        image: What is written.
        path: File; its ending says the format. None is there after a failure.
        compress: Pack it, where the format can be packed.

    Raises:
        OSError: It cannot be written, with the file's name and the system's reason.
    """
    name = _name_to_write(path)
    try:
        sitk.WriteImage(image, name, compress)
        _settle_on_disk(path)
        if not is_nifti_name(path):
            read_volume(path)
            return
        reader = sitk.ImageFileReader()
        reader.SetFileName(name)
        reader.ReadImageInformation()
        check_nifti(path, reader)
    except (RuntimeError, ValueError) as problem:
        _say_why(path, problem)


def write_transform(transform: sitk.Transform, path: Path) -> None:
    """Write a transform, and make sure that the disk has all of it; as `write_volume`.

    Raises:
        OSError: It cannot be written, with the file's name and the system's reason.
    """
    name = _name_to_write(path)
    try:
        sitk.WriteTransform(transform, name)
        _settle_on_disk(path)
        there = sitk.ReadTransform(name)
    except RuntimeError as problem:
        _say_why(path, problem)
    # Some formats hold every transform as an affine one, with other parameters.
    same = there.GetNumberOfParameters() == transform.GetNumberOfParameters()
    if there.GetName() == transform.GetName() and not same:
        _say_why(path, RuntimeError("it was cut off"))


def _name_to_write(path: Path) -> str:
    """Give ITK's name of a file that is to be written; OSError where it has none."""
    try:
        return itk_name(path)
    except ValueError as problem:
        raise OSError(None, str(problem)) from problem


def _settle_on_disk(path: Path) -> None:
    """Wait until the system has really written a file: a network's disk says only then that it is full."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _say_why(path: Path, problem: Exception) -> NoReturn:
    """Remove what there is of a file and raise the system's reason, which ITK does not give: a further byte meets it too."""
    try:
        with path.open("ab") as stream:
            stream.write(bytes(1 << 20))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from problem
    finally:
        path.unlink(missing_ok=True)
    raise OSError(None, f"it could not be written whole ({problem})", str(path)) from problem
