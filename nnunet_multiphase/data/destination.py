"""Decide where the dataset goes, and put it there in one move or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.data.alone import alone
from nnunet_multiphase.errors import InputError

SPLITS = "splits_final.json"
LOCK = "lock"


@dataclass(frozen=True)
class Destination:
    """The folders of one dataset."""

    name: str  # Dataset501_MultiPhaseLiver
    raw: Path
    preprocessed: Path


def nnunet_folder(variable: str) -> Path:
    """Read one of nnU-Net's folder variables.

    Raises:
        InputError: It is not set.
    """
    value = os.environ.get(variable)
    if not value:
        raise InputError(
            f"{variable} is not set: nnU-Net looks for datasets there; type `export {variable}=/path/to/{variable}` first"
        )
    return Path(os.path.abspath(value))


def choose_destination(dataset_id: int, name: str, *, overwrite: bool) -> Destination:
    """Name the dataset's folders and make sure that nnU-Net will find exactly one of that number.

    Args:
        dataset_id: 1 to 999.
        name: Letters, digits and _ or -.
        overwrite: Replace a dataset of the same number and name; what nnU-Net derived from it goes too.

    Raises:
        InputError: A variable is unset, the number or name cannot be used, or the number is taken.
    """
    if not 1 <= dataset_id <= 999:
        raise InputError(f"--dataset-id {dataset_id} cannot be used: nnU-Net takes the numbers 1 to 999")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise InputError(
            f"--name {name!r} cannot be used: it may hold letters, digits, _ and -; for example MultiPhaseLiver"
        )
    raw, preprocessed = nnunet_folder("nnUNet_raw"), nnunet_folder("nnUNet_preprocessed")
    full_name = f"Dataset{dataset_id:03d}_{name}"
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        place = os.environ.get(variable)
        if not place or not Path(place).is_dir():
            continue
        for found in sorted(Path(place).glob(f"Dataset{dataset_id:03d}_*")):
            if found.name != full_name:
                raise InputError(
                    f"dataset id {dataset_id} is taken: {found} exists, and nnU-Net allows one name per number; "
                    "choose another --dataset-id, or remove that folder"
                )
            # A model trained on an earlier edition may stay: its dataset has the same name.
            if not overwrite and variable != "nnUNet_results":
                raise InputError(
                    f"dataset id {dataset_id} is taken: {found} exists; choose another --dataset-id, "
                    "or pass --overwrite to replace it"
                )
    return Destination(full_name, raw / full_name, preprocessed / full_name)


@contextmanager
def claimed_partial_folder(destination: Destination) -> Iterator[Path]:
    """Hold the hidden folder beside the final one that a dataset grows in; nnU-Net never looks at hidden folders.

    Yields:
        The folder; what an earlier run left is in it.

    Raises:
        InputError: Another process is making this dataset.
    """
    partial = destination.raw.with_name(f".{destination.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    refusal = f"{destination.raw} is being made by another process right now; wait for it, or choose another --dataset-id"
    with alone(partial / LOCK, refusal):
        yield partial


def publish(partial: Path, destination: Destination) -> None:
    """Move a finished dataset to its place and hand its splits to nnU-Net; on failure all is as before.

    Args:
        partial: Complete dataset with splits_final.json.
        destination: Where it goes; what is there is replaced.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for folder in (destination.raw, destination.preprocessed):
            if folder.exists():
                old = folder.with_name(f".{folder.name}.old")
                shutil.rmtree(old, ignore_errors=True)
                folder.rename(old)
                moved.append((old, folder))
        destination.preprocessed.mkdir(parents=True)
        shutil.copyfile(partial / SPLITS, destination.preprocessed / SPLITS)
        partial.rename(destination.raw)
        (destination.raw / LOCK).unlink(missing_ok=True)
    except BaseException:
        shutil.rmtree(destination.preprocessed, ignore_errors=True)
        for old, folder in moved:
            shutil.rmtree(folder, ignore_errors=True)
            old.rename(folder)
        raise
    for old, _ in moved:
        shutil.rmtree(old, ignore_errors=True)
