"""Say where nnU-Net finds a dataset, and read what it holds."""

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.contestants import DatasetKind
from nnunet_multiphase.benchmark.layout import Plan
from nnunet_multiphase.dataset_name import dataset_name
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_object
from nnunet_multiphase.split_record import SPLITS, Fold, read_folds
from nnunet_multiphase.table_cells import read_cell

FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed")


@dataclass(frozen=True)
class Place:
    """Say where nnU-Net finds a dataset.

    Attributes:
        dataset: nnU-Net's full name.
        nnunet_raw: Value of nnUNet_raw.
        nnunet_preprocessed: Value of nnUNet_preprocessed.
    """

    dataset: str
    nnunet_raw: Path
    nnunet_preprocessed: Path

    @property
    def number(self) -> int:
        """Give nnU-Net's number of it."""
        return int(self.dataset.partition("_")[0].removeprefix("Dataset"))

    @property
    def raw(self) -> Path:
        """Give its folder of images and labels."""
        return self.nnunet_raw / self.dataset

    @property
    def preprocessed(self) -> Path:
        """Give its folder of plans and preprocessed cases."""
        return self.nnunet_preprocessed / self.dataset

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables by which nnU-Net finds it."""
        return dict(zip(FOLDERS, (str(self.nnunet_raw), str(self.nnunet_preprocessed)), strict=True))

    @property
    def record(self) -> dict[str, Any]:
        """Read its dataset.json."""
        return load_object(self.raw / "dataset.json", "restore it, or set the dataset up again")

    def labels(self, part: str) -> dict[str, Path]:
        """List the label files of "Tr" or "Ts": case -> file."""
        ending = self.record["file_ending"]
        files = sorted((self.raw / f"labels{part}").glob(f"*{ending}"))
        return {file.name[: -len(ending)]: file for file in files}

    def images(self, case: str) -> list[Path]:
        """List the files of a case's channels, in order."""
        ending = self.record["file_ending"]
        for part in ("Tr", "Ts"):
            files = sorted((self.raw / f"images{part}").glob(f"{case}_????{ending}"))
            if files:
                return files
        raise InputError(f"case {case} has a label in {self.raw} but no images; restore them")


def given_place(dataset: int | str) -> Place:
    """Find a dataset that is there.

    Raises:
        InputError: A variable is not set, or there is no such dataset.
    """
    folders = []
    for variable in FOLDERS:
        if not os.environ.get(variable):
            raise InputError(f"the environment variable {variable} is not set; set nnU-Net's folders first")
        folders.append(Path(os.environ[variable]).absolute())
    name = dataset_name(dataset)
    if name is None or not (folders[0] / name).is_dir():
        raise InputError(
            f"expected one dataset {dataset} in nnUNet_raw ({folders[0]}), found none; make it with nnunet-multiphase setup"
        )
    return Place(name, *folders)


def own_place(work: Path, kind: DatasetKind) -> Place:
    """Name the place of a dataset that the benchmark makes itself."""
    return Place(f"Dataset{kind.number:03d}_{kind.name}", *(work / name for name in FOLDERS))


def place_of(work: Path, plan: Plan, contestant: str) -> Place:
    """Say where a contestant's dataset lies."""
    dataset, raw, preprocessed = plan.places[contestant]
    return Place(dataset, Path(os.path.normpath(work / raw)), Path(os.path.normpath(work / preprocessed)))


def splits_of(place: Place) -> list[Fold]:
    """Read a dataset's folds, each with its cases under "train" and "val"."""
    return read_folds(place.preprocessed / SPLITS)


def folds_file(place: Place) -> Path:
    """Name the file whose folds trainings take: the raw dataset's, unless one lies where trainings read it."""
    own, came = place.preprocessed / SPLITS, place.raw / SPLITS
    return came if came.is_file() and not own.is_file() else own


def patients_of(place: Place) -> dict[str, str]:
    """Read which case is of which patient, where `setup` wrote it down; otherwise a case is a patient.

    Raises:
        InputError: What is written down cannot be read.
    """
    patients = {case: case for part in ("Tr", "Ts") for case in place.labels(part)}
    table = place.raw / "quality.csv"
    if table.is_file():
        try:
            with table.open(newline="", encoding="utf-8") as stream:
                read = list(csv.DictReader(stream))
        except (ValueError, csv.Error) as error:
            raise InputError(f"{table} cannot be read ({error}): restore it, or remove it") from error
        for column in ("case", "patient"):
            if any(row.get(column) is None for row in read):
                raise InputError(
                    f"{table} has no column {column}, or not in every line: it says which cases are of one patient; restore "
                    "it, or remove it if every case is another patient's"
                )
        rows = [(read_cell(row["case"]), read_cell(row["patient"])) for row in read]
        patients |= {case: patient for case, patient in rows if case in patients}
    return patients


def reference_images(place: Place) -> dict[str, Path]:
    """List the image of each case's reference phase; the first channel's where nobody knows which that is."""
    record = place.record
    phases, references = record.get("phases") or [], record.get("reference_phase") or {}
    found = {}
    for case in (case for part in ("Tr", "Ts") for case in place.labels(part)):
        channel = phases.index(references[case]) if references.get(case) in phases else 0
        found[case] = place.images(case)[channel]
    return found


def fingerprint(place: Place) -> str:
    """Digest what a benchmark's results depend on: record, split, labels, names and sizes of the images."""
    digest = hashlib.blake2b(digest_size=16)
    files = [place.raw / "dataset.json", place.preprocessed / SPLITS]
    for file in (*files, *(file for part in ("Tr", "Ts") for file in place.labels(part).values())):
        digest.update(f"{file.name}\n".encode())
        digest.update(file.read_bytes())
    for part in ("Tr", "Ts"):
        for case in place.labels(part):
            for image in place.images(case):
                digest.update(f"{image.name} {image.stat().st_size}\n".encode())
    return digest.hexdigest()
