"""Say which dataset is meant by a number or a whole name, as nnU-Net's commands take either."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nnunet_multiphase.errors import InputError

FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")


def nnunet_places() -> dict[str, Path]:
    """Give the folders that nnU-Net's variables name, as they are written; those that are not set are left out."""
    return {name: Path(os.environ[name]) for name in FOLDERS if os.environ.get(name)}


def dataset_names(given: str | int) -> list[str]:
    """List the datasets that a number or name may mean.

    Args:
        given: 501, "501" or "Dataset501_X".

    Returns:
        Names such as Dataset501_X. A whole name means itself, whether there is such a folder or not; a number means all
        that nnU-Net's three folders hold of it.

    Raises:
        InputError: It is neither number nor name.
    """
    text = str(given).strip()
    if re.fullmatch(r"Dataset\d{3,}_.+", text):
        return [text]
    if not re.fullmatch(r"[0-9]+", text):
        raise InputError(
            f"-d {given}: expected a dataset's number, such as 501, or its whole name, such as Dataset501_MultiPhaseLiver"
        )
    pattern = f"Dataset{int(text):03d}_*"
    return sorted(
        {path.name for place in nnunet_places().values() for path in place.glob(pattern) if path.is_dir()}
    )


def dataset_name(given: str | int) -> str | None:
    """Name the one dataset that is meant; None where nnU-Net's folders hold none of that number.

    Raises:
        InputError: It is neither number nor name, or several datasets have the number.
    """
    names = dataset_names(given)
    if len(names) > 1:
        raise InputError(
            f"-d {given}: several datasets have this number ({', '.join(names)}); give the whole name, such as -d {names[0]}"
        )
    return names[0] if names else None
