"""A cohort whose files are empty: enough for what is decided by names alone."""

from __future__ import annotations

from pathlib import Path


def unopened_cohort(folder: Path, *cases: str) -> Path:
    """Make a case folder for each name, with nc, pv and a lesion mask on pv."""
    for case in cases:
        (folder / case).mkdir(parents=True)
        for name in ("nc", "pv", "lesions_pv"):
            (folder / case / f"{name}.nii.gz").touch()
    return folder
