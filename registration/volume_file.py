"""Read a volume from a file, and notice one that was cut short or holds what is no number."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from registration.nifti_bytes import check_nifti, check_nifti_header


def read_volume(path: Path) -> sitk.Image:
    """Read a volume.

    Args:
        path: File in any format ITK reads.

    Returns:
        The image as stored.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image, or a NIfTI file that is cut short or holds NaN, which ITK reads as zeros without a
            word.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; give the path of a volume.")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # ITK's own complaints come in ours
    check_nifti_header(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        check_nifti(path, reader)
        return reader.Execute()
    except RuntimeError as problem:
        raise ValueError(f"{path} cannot be read as an image; is it damaged, or not a volume?") from problem
