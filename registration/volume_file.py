"""Read a volume from a file, and notice one that was cut short."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import SimpleITK as sitk

HEADER_BYTES = 1 << 20  # room for a NIfTI header with extensions


def read_volume(path: Path) -> sitk.Image:
    """Read a volume.

    Args:
        path: File in any format ITK reads.

    Returns:
        The image as stored.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image, or it is cut short; ITK gives a volume of leftovers for a .nii.gz whose
            download broke off, without a word.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; give the path of a volume.")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # ITK's own complaints come in ours
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as problem:
        raise ValueError(f"{path} cannot be read as an image; is it damaged, or not a volume?") from problem
    needed = (
        image.GetNumberOfPixels() * image.GetSizeOfPixelComponent() * image.GetNumberOfComponentsPerPixel()
    )
    if path.name.endswith(".nii.gz") and not _holds(path, needed):
        raise ValueError(f"{path} ends before its data do ({needed} bytes of voxels); copy it again.")
    return image


def _holds(path: Path, needed: int) -> bool:
    """Tell whether a gzip file unpacks to at least so many bytes."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        # A gzip file of one part ends with its unpacked length, modulo 2^32: no need to unpack it.
        length = int.from_bytes(file.read(4), "little")
    if (length - needed) % (1 << 32) <= HEADER_BYTES:
        return True
    total = 0
    try:  # several parts, or damaged: only unpacking tells
        with gzip.open(path) as file:
            while block := file.read(1 << 22):
                total += len(block)
    except (EOFError, OSError, zlib.error):
        return False
    return total >= needed
