"""Say where a case's DICOM results lie; free of DICOM libraries, which not everybody has."""

from __future__ import annotations

from pathlib import Path


def dicom_paths(output: Path, case: str) -> tuple[Path, Path]:
    """Give the places of a case's segmentation and report."""
    return output / f"{case}_seg.dcm", output / f"{case}_sr.dcm"


def remove_dicom(output: Path, case: str) -> None:
    """Remove what an earlier run wrote: it would pass for this one's."""
    for path in dicom_paths(output, case):
        path.unlink(missing_ok=True)
