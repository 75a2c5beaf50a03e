"""Decide where the dataset goes, and put it there in one move or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from nnunet_multiphase.alone import alone
from nnunet_multiphase.dataset_name import nnunet_places
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.exchange import hidden, put_aside, remove_folder, settle_folder
from nnunet_multiphase.split_record import SPLITS
from registration.itk_name import itk_name

RECORDS = "finished"
"""Folder in a dataset that is being made: which cases are done."""


@dataclass(frozen=True)
class Destination:
    """The folders of one dataset."""

    name: str  # Dataset501_MultiPhaseLiver
    raw: Path
    preprocessed: Path
    overwrite: bool = False  # whether what is there may be replaced

    @property
    def partial(self) -> Path:
        """Name the hidden folder beside the final one that a dataset grows in; nnU-Net never looks at hidden folders."""
        return self.raw.with_name(f".{self.name}.partial")

    @property
    def lock(self) -> Path:
        """Name the file that the process making it holds: beside the folder, which Windows would not rename otherwise."""
        return self.raw.with_name(f".{self.name}.lock")

    @property
    def coming(self) -> Path:
        """Name the hidden folder of what nnU-Net is about to be handed: it is there while datasets are exchanged."""
        return self.preprocessed.with_name(f".{self.name}.coming")


def nnunet_folder(variable: str) -> Path:
    """Read one of nnU-Net's folder variables.

    Raises:
        InputError: It is not set, names a file, or begins with a ~ that no shell has expanded.
    """
    value = os.environ.get(variable)
    if not value:
        raise InputError(
            f"{variable} is not set: nnU-Net looks for datasets there; type `export {variable}=/path/to/{variable}` first"
        )
    if value.startswith("~"):  # nnU-Net would look for a folder of that name below wherever it is started
        raise InputError(
            f"{variable} is {value}: a ~ in quotes is not expanded; type `export {variable}={Path(value).expanduser()}`"
        )
    folder = Path(os.path.abspath(value))
    try:
        itk_name(folder)
    except ValueError as error:
        raise InputError(f"{variable}: {error}") from error
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        file = "a file" if there == folder else f"below the file {there}"
        raise InputError(f"{variable} is {folder}, {file}: expected a folder; name another one")
    return folder


def name_destination(dataset_id: int, name: str, *, overwrite: bool = False) -> Destination:
    """Name a dataset's folders.

    Args:
        dataset_id: 1 to 999.
        name: Letters, digits and _ or -.
        overwrite: Whether what is there may be replaced.

    Raises:
        InputError: A variable is unset, or the number or name cannot be used.
    """
    if not isinstance(dataset_id, int) or not 1 <= dataset_id <= 999:
        raise InputError(f"--dataset-id {dataset_id!r} cannot be used: nnU-Net takes the numbers 1 to 999")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise InputError(
            f"--name {name!r} cannot be used: it may hold letters, digits, _ and -; for example MultiPhaseLiver"
        )
    if re.match(r"Dataset\d{3,}_", name):
        raise InputError(
            f"--name {name!r} cannot be used: the folder would be called Dataset{dataset_id:03d}_{name}; give what comes "
            f"after the number, such as --name {name.partition('_')[2] or 'MultiPhaseLiver'}"
        )
    raw, preprocessed = nnunet_folder("nnUNet_raw"), nnunet_folder("nnUNet_preprocessed")
    full_name = f"Dataset{dataset_id:03d}_{name}"
    return Destination(full_name, raw / full_name, preprocessed / full_name, overwrite)


def choose_destination(dataset_id: int, name: str, *, overwrite: bool) -> Destination:
    """Name the dataset's folders and make sure that nnU-Net will find exactly one of that number.

    Args:
        dataset_id: 1 to 999.
        name: Letters, digits and _ or -.
        overwrite: Replace a dataset of the same number and name; what nnU-Net derived from it goes too.

    Raises:
        InputError: A variable is unset, the number or name cannot be used, or the number is taken.
    """
    destination = name_destination(dataset_id, name, overwrite=overwrite)
    refuse_one_for_two()
    for variable, place in nnunet_places().items():
        for found in sorted(place.glob(f"Dataset{dataset_id:03d}_*")):
            if found.name != destination.name:
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
    return destination


def refuse_one_for_two() -> None:
    """Refuse two of nnU-Net's variables that name one folder: datasets of one name would replace each other there.

    Raises:
        InputError: Which.
    """
    places = {name: place.resolve() for name, place in nnunet_places().items()}
    for first, second in combinations(places, 2):
        if places[first] == places[second]:
            raise InputError(
                f"{first} and {second} are one folder, {places[first]}, where raw data, preprocessed data and models of a "
                "dataset would replace each other; name a folder of its own for each"
            )


def refuse_entangled(cohort: Path, destination: Destination, *, case_folders: bool) -> None:
    """Refuse a cohort that the dataset would replace, or whose next run would take the dataset for a case.

    Args:
        cohort: Its folder.
        destination: Where the dataset goes.
        case_folders: Whether each folder of the cohort is a case.

    Raises:
        InputError: Which of both.
    """
    raw = cohort.resolve()
    for replaced in (destination.raw, destination.preprocessed):
        if raw.is_relative_to(replaced.resolve()):
            raise InputError(
                f"{cohort} lies in {replaced}, which the new dataset would replace: choose another --dataset-id or --name"
            )
    for variable, named in nnunet_places().items() if case_folders else ():
        place = named.resolve()
        if place.is_relative_to(raw) and not "".join(place.relative_to(raw).parts[:1]).startswith("."):
            where = "the cohort itself" if place == raw else f"within the cohort {cohort}"
            raise InputError(
                f"{variable} is {place}, {where}, where each folder is a case, so that datasets would be taken for cases; "
                f"let {variable} name a folder elsewhere"
            )


@contextmanager
def claimed_partial_folder(destination: Destination) -> Iterator[Path]:
    """Hold the folder that a dataset grows in.

    Yields:
        The folder; what an earlier run left is in it.

    Raises:
        InputError: Another process is making this dataset.
    """
    with _claimed(destination):
        _settle(destination)
        destination.partial.mkdir(exist_ok=True)
        yield destination.partial


def settle(destination: Destination) -> None:
    """Finish or undo an exchange of datasets during which an earlier run was killed.

    Raises:
        InputError: Another process is making this dataset.
    """
    left = (*hidden(destination.raw), *hidden(destination.preprocessed), destination.coming)
    if any(folder.exists() for folder in left) or (destination.raw / RECORDS).exists():
        with _claimed(destination):
            _settle(destination)
            remove_records(destination)


def remove_records(destination: Destination) -> None:
    """Remove from a dataset in its place what it was gone on with by."""
    shutil.rmtree(destination.raw / RECORDS, ignore_errors=True)


def publish(destination: Destination) -> None:
    """Move a finished dataset to its place and hand its splits to nnU-Net.

    One rename decides: what fails before it leaves all as it was, what fails after it leaves the new dataset. A process
    killed in between leaves what `settle` needs to do the same.

    Args:
        destination: Whose `partial` holds the complete dataset with splits_final.json; what is there is replaced.

    Raises:
        InputError: A dataset has come there in the meantime, and is not to be replaced.
        OSError: Nothing was exchanged.
    """
    if not destination.overwrite and (destination.raw.exists() or destination.preprocessed.exists()):
        raise InputError(
            f"{destination.raw} or {destination.preprocessed} was made by somebody else in the meantime: remove it, or "
            "pass --overwrite; the same command goes on where this one stopped"
        )
    try:
        remove_folder(destination.coming)
        destination.coming.mkdir(parents=True)
        shutil.copyfile(destination.partial / SPLITS, destination.coming / SPLITS)
        put_aside(destination.raw)
        destination.partial.rename(destination.raw)
    finally:
        _settle(destination)


@contextmanager
def _claimed(destination: Destination) -> Iterator[None]:
    destination.raw.parent.mkdir(parents=True, exist_ok=True)
    refusal = f"{destination.raw} is being made by another process right now; wait for it, or choose another --dataset-id"
    with alone(destination.lock, refusal):
        yield


def _settle(destination: Destination) -> None:
    """Bring the folders from any point of an exchange to its beginning or its end; may itself be broken off anywhere."""
    raw, preprocessed, coming = destination.raw, destination.preprocessed, destination.coming
    if (
        raw.exists() and not destination.partial.exists() and coming.exists()
    ):  # broken off after the new one came
        put_aside(preprocessed)
        coming.rename(preprocessed)
    for folder in (raw, preprocessed):
        settle_folder(folder)
    remove_folder(coming)
