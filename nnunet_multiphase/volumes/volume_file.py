"""Read one volume, or say in a sentence why it cannot be used."""

from __future__ import annotations

import os
import re
from pathlib import Path
from threading import Lock

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.orientation import upright
from registration.itk_name import itk_name
from registration.nifti_bytes import check_nifti, check_nifti_header
from registration.unreadable import why_unreadable
from registration.volume import MIN_VOXELS, check_placement
from registration.volume_file import refuse_written, state_of

FORMATS: tuple[str, ...] = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr", ".hdr", ".img")
"""Endings of the files that hold a volume with its place in space; .img is the second half of .hdr."""


COLOURS = (3, 4)
"""Values of a voxel that is red, green, blue and perhaps opaque."""


def volume_stem(path: Path) -> str | None:
    """Give the file name without the ending of a volume format; None if it has none.

    >>> volume_stem(Path("ART.NII.GZ")), volume_stem(Path("art.json"))
    ('ART', None)
    """
    for suffix in FORMATS:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return None


def split_channel(path: Path) -> tuple[Path, int | None]:
    """Part a path such as stack.nii.gz#2 into the file and the volume in it, from 0; None: it is one volume."""
    match = re.fullmatch(r"(.+)#(\d+)", path.name)
    if match is None or path.exists():
        return path, None
    return path.with_name(match[1]), int(match[2])


def read_upright(path: Path) -> sitk.Image:
    """Read a volume and bring it to the one axis order in which cases are worked on (volumes/orientation.py).

    Args:
        path: As for `read_volume`.

    Returns:
        The volume in LPS order, in the file's own pixel type.

    Raises:
        InputError: As `read_volume`.
    """
    return upright(read_volume(path))


def read_volume(path: Path, *, drawing: bool = False) -> sitk.Image:
    """Read a 3D scalar volume in its file's own axis order, making sure the whole of it is there.

    SimpleITK reads what a cut-off .nii.gz lacks, and every NaN, as zero and says nothing: the bytes are looked
    at first.

    Args:
        path: A .nii or .nii.gz file, any other that SimpleITK reads (.nrrd, .mha), or a folder with the DICOM files
            of one series. `#2` behind a file's name takes the third volume of a 4D file.
        drawing: It is a mask: as a DICOM folder it need not be CT in HU, and no HU are asked for.

    Returns:
        The volume in the file's own pixel type.

    Raises:
        InputError: No such file, not readable, cut off, not 3D, fewer than 4 voxels along an axis, or with values
            that are no numbers.
    """
    if path.is_dir():
        try:
            return _read_series(path, drawing=drawing)
        except InputError as error:
            raise InputError(f"{error}{_files_meant(path)}") from error
    path, channel = split_channel(path)
    if not path.is_file():
        raise InputError(_not_there(path))
    before = state_of(path)
    with _quiet_itk:
        reader = read_information(path)
        _check_shape(path, reader, channel, drawing=drawing)
        try:
            check_nifti(path, reader)
        except ValueError as error:
            raise InputError(str(error)) from error
        try:
            image = _volume_of(reader, channel)
        except RuntimeError as error:
            raise InputError(why_unreadable(path, error)) from error
    try:
        refuse_written(path, before)
        check_placement(image, str(path))
    except ValueError as error:
        raise InputError(str(error)) from error
    # Compressed NIfTI was looked at byte by byte, for ITK hides its NaN; other formats keep theirs.
    if not np.isfinite(sitk.GetArrayViewFromImage(image).sum(dtype=np.float64)):
        raise InputError(
            f"{path} holds values that are not numbers (NaN or infinite): expected HU; export it again"
        )
    return image


def _files_meant(folder: Path) -> str:
    """Name volumes that lie in a folder which is no DICOM series: one of them may be what was meant."""
    names = sorted(file.name for file in folder.iterdir() if volume_stem(file) is not None)
    more = f" or another of {len(names)} files" if len(names) > 3 else ""
    return f"; or, if {' or '.join(names[:3])}{more} in it is meant, give that file" if names else ""


def is_dead_link(path: Path) -> bool:
    """Tell a link that leads to nothing, as to a disk that is not mounted."""
    return path.is_symlink() and not path.exists()


def told_of_dead_link(path: Path) -> str:
    """Say where a link that leads to nothing should lead, and what to do; a sentence."""
    return (
        f"{path} is a link to {path.readlink()}, where nothing is: mount the disk that it lies on, put it back, or remove "
        "the link"
    )


def _not_there(path: Path) -> str:
    """Say that there is no such file, and where the path is another system's."""
    if is_dead_link(path):
        return told_of_dead_link(path)
    if os.sep == "/" and "\\" in str(path):
        return (
            f"{path} does not exist: it is a path as Windows writes it (\\ between folders), and this system has / there; "
            "write it so, as it is called here"
        )
    return f"{path} does not exist or is no file: expected a NIfTI volume; restore it"


class _QuietITK:
    """Keep ITK's own warnings off the terminal: what matters in them is checked, and said with the file's name.

    The switch is the whole process's: of several threads the first turns it off, and the last back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._shown = True

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._shown = sitk.ProcessObject.GetGlobalWarningDisplay()
                sitk.ProcessObject.SetGlobalWarningDisplay(False)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sitk.ProcessObject.SetGlobalWarningDisplay(self._shown)


_quiet_itk = _QuietITK()


def read_information(path: Path) -> sitk.ImageFileReader:
    """Read a file's header.

    Raises:
        InputError: It cannot be read, or is half of a pair of files.
    """
    if path.suffix.lower() == ".img" and not _header_of(path).is_file():
        raise InputError(f"{path} has no header beside it: expected {_header_of(path).name}; copy both files")
    reader = sitk.ImageFileReader()
    try:
        reader.SetFileName(itk_name(path))
        check_nifti_header(path)
    except ValueError as error:
        raise InputError(str(error)) from error
    try:
        with _quiet_itk:
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(why_unreadable(path, error)) from error
    return reader


def read_grid(path: Path) -> sitk.Image:
    """Read where a volume's voxels lie: an image of its geometry, all 0.

    Raises:
        InputError: The header cannot be read.
    """
    header = read_information(path)
    grid = sitk.Image(header.GetSize(), sitk.sitkUInt8)
    grid.SetSpacing(header.GetSpacing())
    grid.SetOrigin(header.GetOrigin())
    grid.SetDirection(header.GetDirection())
    return grid


def _header_of(path: Path) -> Path:
    """Name the .hdr of an .img."""
    return path.with_suffix(".HDR" if path.suffix.isupper() else ".hdr")


def _check_shape(path: Path, reader: sitk.ImageFileReader, channel: int | None, *, drawing: bool) -> None:
    """Make sure that there is one volume, or the wanted one of several."""
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    volumes = volumes_in(reader)
    shape = " x ".join(str(n) for n in (*size, *([components] if components != 1 else [])))
    if volumes is None:
        raise InputError(
            f"{path} is not one 3D volume: expected three dimensions, found {shape}; export one volume per file"
        )
    if components in COLOURS and reader.GetPixelID() == sitk.sitkVectorUInt8:
        wanted = (
            "of labels, such as 0 and 1; write the mask as one number a voxel"
            if drawing
            else "of HU; export the CT itself and no picture of it"
        )
        raise InputError(
            f"{path} is a colour image ({components} values of 8 bits a voxel): expected one volume {wanted}"
        )
    if channel is None and volumes > 1:
        numbers = " ".join(f"{phase}={n}" for n, phase in enumerate(PHASES[:volumes]))
        raise InputError(
            f"{path} is not one 3D volume but a 4D file of {volumes} ({shape}): if these are the phases, say which is which "
            f"with setup's --pattern '{{case}}/{path.name}#{{phase}}' --phase-names {numbers} (each with its number in the "
            "file, from 0), or write one file per phase"
        )
    if channel is not None and channel >= volumes:
        raise InputError(
            f"{path} has no volume {channel}: it holds {volumes}, counted from 0; correct the number behind #"
        )
    if min(size[:3]) < MIN_VOXELS:
        raise InputError(
            f"{path} is too thin ({_by(size[:3])} voxels): expected at least {MIN_VOXELS} voxels along each axis; "
            "export the whole series as one volume"
        )


def volumes_in(reader: sitk.ImageFileReader) -> int | None:
    """Count the 3D volumes of a file; None where its shape is neither 3D nor a row of volumes."""
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    if len(size) == 3:
        return int(components)
    if len(size) > 3 and components == 1 and sorted(size[3:])[:-1] == [1] * (len(size) - 4):
        return int(max(size[3:]))
    return None


def count_volumes(path: Path) -> int | None:
    """Count the 3D volumes of a file by its header alone; None where it cannot be read as any."""
    try:
        return volumes_in(read_information(path))
    except (InputError, OSError):
        return None


def _volume_of(reader: sitk.ImageFileReader, channel: int | None) -> sitk.Image:
    """Read the one volume, or the wanted one of several."""
    size = reader.GetSize()
    if channel is None and len(size) == 3:
        return reader.Execute()
    channel = channel or 0
    if len(size) == 3:
        image = reader.Execute()
        several = image.GetNumberOfComponentsPerPixel() > 1
        return sitk.VectorIndexSelectionCast(image, channel) if several else image
    reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
    reader.SetExtractIndex([0, 0, 0, *(channel if n == max(size[3:]) else 0 for n in size[3:])])
    return reader.Execute()


def _read_series(folder: Path, *, drawing: bool) -> sitk.Image:
    """Read the one DICOM series of a folder by import-dicom's steps, with their refusals."""
    from nnunet_multiphase.dicom.extra import require_dicom_libraries

    require_dicom_libraries()
    from nnunet_multiphase.dicom.series_folder import read_drawing_folder, read_series_folder

    image = read_drawing_folder(folder) if drawing else read_series_folder(folder)
    if min(image.GetSize()) < MIN_VOXELS:
        raise InputError(
            f"{folder} is too thin ({_by(image.GetSize())} voxels): expected at least {MIN_VOXELS} voxels along each axis; "
            "export the whole series"
        )
    return image


def read_unchecked(path: Path) -> sitk.Image:
    """Read a file as it is, which may be thinner than a volume can be and hold several components.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with _quiet_itk:
            return sitk.ReadImage(itk_name(path))
    except RuntimeError as error:
        raise InputError(why_unreadable(path, error)) from error
    except ValueError as error:
        raise InputError(str(error)) from error


def _by(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
