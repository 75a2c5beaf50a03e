"""Say why ITK cannot read a file, and what to do: the same words for every reader."""

from __future__ import annotations

from pathlib import Path

from registration.file_header import ROUNDING_DEGREES, off_right_angles, read_nifti_header, tilted
from registration.nifti_bytes import is_nifti_2, is_nifti_name


def why_unreadable(path: Path, error: RuntimeError) -> str:
    """Give the sentence.

    Args:
        path: The file.
        error: What ITK raised over it.
    """
    if is_nifti_name(path) and is_nifti_2(path):
        return f"{path} is NIfTI-2, which is not read here: expected NIfTI-1; save it as such"
    if "orthonormal" in str(error).lower():
        header = read_nifti_header(path)
        off = None if header is None or header.sform is None else off_right_angles(header.sform)
        if off is not None and off < ROUNDING_DEGREES:
            return (
                f"{path} has axes that are off right angles by {off:.2g} degrees, as by rounding in its sform: expected "
                "straight ones; set the sform to the qform, which is always straight, or export it again"
            )
        return f"{path} {tilted(', in its sform' if is_nifti_name(path) else '')}"
    if "zero-valued spacing" in str(error).lower():
        return f"{path} has a voxel size of 0 in its header: the size is lost; write it into the header in mm"
    return f"{path} is not readable as {_format(path)} ({_reason(error)}): export it again"


def _format(path: Path) -> str:
    """Name the format that a file's suffix promises."""
    return "NIfTI" if is_nifti_name(path) else path.suffix.lstrip(".").upper() or "an image"


def _reason(error: RuntimeError) -> str:
    """Take the telling line out of an ITK message."""
    text = str(error).strip().splitlines()[-1]
    return text.split("sitk::ERROR:")[-1].strip().rstrip(".").replace('"', "")
