"""Make the datasets that the contestants need, all of the same cases with the same split."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.contestants import (
    DEFORMABLE,
    KINDS,
    REFERENCE,
    REGISTERED,
    SIMPLEITK,
    UNREGISTERED,
    DatasetKind,
)
from nnunet_multiphase.benchmark.place import FOLDERS, Place, given_place, own_place
from nnunet_multiphase.benchmark.raw_cases import keep_raw_cases
from nnunet_multiphase.benchmark.settings import Cohort
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.split_record import NNUNETS_FOLDS, SPLITS, fetch_folds
from nnunet_multiphase.whole_file import whole_file

NOT_JUDGED = (UNREGISTERED, SIMPLEITK)
"""Datasets of which nobody knows how well the phases lie."""
MOVED_BY = ("doubtful_registration", "registration_error_mm")
"""What dataset.json tells the training of that: by how much it moves a phase."""


def make_datasets(
    work: Path,
    kinds: Sequence[DatasetKind],
    *,
    dataset: int | str | None,
    cohort: Cohort | None,
    jobs: int,
    dask_scheduler: str | None,
    say: Callable[[str], None],
) -> dict[DatasetKind, Place]:
    """Make what is not made yet.

    Args:
        work: The benchmark's folder.
        kinds: What is needed besides the dataset that all are compared on.
        dataset: That dataset, where it is there.
        cohort: The raw cases it is made from, otherwise.
        jobs: Processes.
        dask_scheduler: Address of a Dask cluster to register on.
        say: Told what happens.

    Returns:
        Where each is, that dataset's own among them.

    Raises:
        InputError: One cannot be made, or would not hold the same cases, as where the raw cases have changed.
    """
    places = {}
    if cohort is None:
        assert dataset is not None
        places[REGISTERED] = given_place(dataset)
    else:
        refuse_moved(cohort, kinds)
        needed = dict.fromkeys([REGISTERED, *(kind for kind in kinds if kind.needs_raw)])
        keep_raw_cases(
            work,
            cohort,
            made=any(own_place(work, kind).raw.is_dir() for kind in KINDS),
            wanted=[own.dataset for kind in needed if not (own := own_place(work, kind)).raw.is_dir()],
            say=say,
        )
        places[REGISTERED] = _build(work, REGISTERED, cohort, jobs, dask_scheduler, say)
    _make_splits(places[REGISTERED], say)
    for kind in kinds:
        if kind in places:
            continue
        if kind == REFERENCE:
            places[kind] = _reference_alone(work, places[REGISTERED], say)
        else:
            assert cohort is not None  # whoever needs it was refused before
            places[kind] = _build(work, kind, cohort, jobs, dask_scheduler, say)
            if kind in NOT_JUDGED:
                _move_alike(places[REGISTERED], places[kind])
        _same_cases(places[REGISTERED], places[kind])
        place = places[kind].preprocessed / SPLITS
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(places[REGISTERED].preprocessed / SPLITS, place)
    return places


def _move_alike(given: Place, place: Place) -> None:
    """Let the training move each phase by as much as in the registered dataset: only where they lie is to differ."""
    record = {key: value for key, value in place.record.items() if key not in MOVED_BY}
    record |= {key: given.record[key] for key in MOVED_BY if key in given.record}
    if record != place.record:
        write_json(place.raw / "dataset.json", record)


def refuse_moved(cohort: Cohort, kinds: Sequence[DatasetKind]) -> None:
    """Refuse to place phases otherwise that came aligned."""
    if cohort.options.inputs.registered and any(kind.needs_raw for kind in kinds):
        raise InputError(
            f"{cohort.raw}: its phases came aligned already, so that no other registration can be compared; leave the "
            "contestants unregistered, simpleitk and deformable out"
        )


def _build(
    work: Path,
    kind: DatasetKind,
    cohort: Cohort,
    jobs: int,
    dask_scheduler: str | None,
    say: Callable[[str], None],
) -> Place:
    """Make a dataset from the raw cases, unless it is made."""
    from nnunet_multiphase.benchmark.placements import by_headers, by_simpleitk
    from nnunet_multiphase.dataset.build import build_dataset
    from nnunet_multiphase.errors import CohortError
    from registration import RegistrationSettings

    place = own_place(work, kind)
    if place.raw.is_dir():
        return place
    say(f"making the dataset {place.dataset}")
    with _nnunet_folders(place):
        try:
            summary = build_dataset(
                cohort.raw,
                kind.number,
                kind.name,
                cohort.options,
                jobs=jobs,
                dask_scheduler=dask_scheduler,
                settings=RegistrationSettings(model="deformable" if kind == DEFORMABLE else "rigid"),
                progress=True,
                find={UNREGISTERED: by_headers, SIMPLEITK: by_simpleitk}.get(kind),
            )
        except CohortError as error:
            raise InputError("; ".join(error.problems)) from error
    for sentence in summary.failures:
        say(f"left out: {sentence}")
    return place


@contextmanager
def _nnunet_folders(place: Place) -> Iterator[None]:
    """Let this process find a place by nnU-Net's variables, for the time being."""
    before = {name: os.environ.get(name) for name in (*FOLDERS, "nnUNet_results")}
    os.environ.update(place.environment)
    # A dataset of the same number among the user's own results is no concern of these.
    os.environ.pop("nnUNet_results", None)
    for name in FOLDERS:
        Path(place.environment[name]).mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _reference_alone(work: Path, given: Place, say: Callable[[str], None]) -> Place:
    """Make a dataset of each case's reference phase, of the same voxels."""
    place = own_place(work, REFERENCE)
    if place.raw.is_dir():
        return place
    say(f"making the dataset {place.dataset}")
    record = given.record
    phases, references = record.get("phases") or [], record.get("reference_phase") or {}
    unknown = [
        case for part in ("Tr", "Ts") for case in given.labels(part) if references.get(case) not in phases
    ]
    if unknown:
        raise InputError(
            f"{given.raw / 'dataset.json'} does not say which channel is the reference phase of case {unknown[0]}, so that "
            "single_phase cannot be made; make the dataset with nnunet-multiphase setup, or leave that contestant out"
        )
    unfinished = place.raw.with_name(f".{place.dataset}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    ending = record["file_ending"]
    for part in ("Tr", "Ts"):
        for folder in (f"images{part}", f"labels{part}"):
            (unfinished / folder).mkdir(parents=True)
        for case, label in given.labels(part).items():
            image = given.images(case)[phases.index(references[case])]
            _same_file(image, unfinished / f"images{part}" / f"{case}_0000{ending}")
            _same_file(label, unfinished / f"labels{part}" / label.name)
    names = set(references.values())
    only = names.pop() if len(names) == 1 else "reference"
    kept = {
        key: value
        for key, value in record.items()
        if key not in ("filled", "doubtful_registration", "registration_error_mm", "registration")
    }
    write_json(
        unfinished / "dataset.json",
        {
            **kept,
            "channel_names": {"0": next(iter(record["channel_names"].values()))},
            "phases": [only],
            "reference_phase": dict.fromkeys(references, only),
            "name": place.dataset,
        },
    )
    unfinished.rename(place.raw)
    return place


def _same_file(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the disks differ."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _same_cases(given: Place, other: Place) -> None:
    for part, what in (("Tr", "training"), ("Ts", "test")):
        apart = set(given.labels(part)) ^ set(other.labels(part))
        if apart:
            case = min(apart)
            where, lacks = (given, other) if case in given.labels(part) else (other, given)
            raise InputError(
                f"case {case} is a {what} case of {where.dataset} but not of {lacks.dataset}, so that contestants would not "
                f"be compared on the same cases; see {lacks.raw / 'quality.csv'}, then take the case out of the raw cases "
                "and begin in another output folder, or leave that contestant out"
            )


def _make_splits(place: Place, say: Callable[[str], None]) -> None:
    """Write the folds that the first training would take, where there are none: the raw dataset's, or nnU-Net's own."""
    file, came = place.preprocessed / SPLITS, place.raw / SPLITS
    if file.is_file():
        return
    cases = sorted(place.labels("Tr"))
    if came.is_file():
        say(fetch_folds(file, came, cases))
        return
    from nnunetv2.utilities.crossval_split import generate_crossval_split

    if len(cases) < NNUNETS_FOLDS:
        raise InputError(
            f"{place.raw} has {len(cases)} training cases: nnU-Net makes five folds of at least five; write {file} yourself"
        )
    splits: Sequence[Mapping[str, Any]] = generate_crossval_split(cases, seed=12345, n_splits=NNUNETS_FOLDS)
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as beside:
        beside.write_text(json.dumps([{k: list(v) for k, v in s.items()} for s in splits], indent=4) + "\n")
