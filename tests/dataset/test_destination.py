"""Whatever breaks off while datasets are exchanged, one whole dataset is there, and its own splits with it."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
from broken_off import Died, failing

from nnunet_multiphase.dataset.destination import (
    SPLITS,
    Destination,
    choose_destination,
    claimed_partial_folder,
    name_destination,
    publish,
    refuse_entangled,
    settle,
)
from nnunet_multiphase.errors import InputError


def make(destination: Destination, *, old: bool) -> None:
    """Put a new dataset in the partial folder, and an old one in its place."""
    if old:
        for folder in (destination.raw, destination.preprocessed):
            folder.mkdir(parents=True)
            (folder / "of").write_text("old")
    destination.partial.mkdir(parents=True)
    (destination.partial / "of").write_text("new")
    (destination.partial / SPLITS).write_text("new")


def state(destination: Destination) -> tuple[str | None, str | None]:
    """Tell whose raw data and whose splits there are."""
    raw = destination.raw / "of"
    old_splits, splits = destination.preprocessed / "of", destination.preprocessed / SPLITS
    return (
        raw.read_text() if raw.is_file() else None,
        "old" if old_splits.is_file() else splits.read_text() if splits.is_file() else None,
    )


@pytest.fixture
def destination(nnunet_folders: tuple[Path, Path]) -> Destination:
    return choose_destination(501, "Tiny", overwrite=True)


@pytest.mark.parametrize("old", [True, False])
def test_an_undisturbed_exchange_leaves_the_new_dataset_and_nothing_else(
    destination: Destination, nnunet_folders: tuple[Path, Path], old: bool
) -> None:
    make(destination, old=old)
    publish(destination)
    assert state(destination) == ("new", "new")
    assert [p.name for folder in nnunet_folders for p in folder.iterdir()] == [destination.name] * 2


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, Died])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("old", [True, False])
def test_one_whole_dataset_is_there_wherever_the_exchange_breaks_off(
    nnunet_folders: tuple[Path, Path], old: bool, when: str, error: type[BaseException]
) -> None:
    whole = [("old", "old") if old else (None, None), ("new", "new")]
    broken_off = 0
    for number in range(40):
        for folder in nnunet_folders:
            shutil.rmtree(folder)
        destination = name_destination(501, "Tiny", overwrite=True)
        make(destination, old=old)
        with failing(number, when, error) as seen:
            try:
                publish(destination)
            except (OSError, KeyboardInterrupt, Died):
                broken_off += 1
        settle(destination)
        assert state(destination) in whole, (number, seen)
        if (
            state(destination) == whole[0]
        ):  # the hours of work are not lost, and the next run can hand them over
            assert (destination.partial / "of").read_text() == "new", (number, seen)
            with claimed_partial_folder(destination):
                publish(destination)
        assert state(destination) == ("new", "new")
        assert not destination.coming.exists()
        if len(seen) <= number:
            break
    assert broken_off >= 3
    assert len(seen) <= number, "not every call was broken off"


@pytest.mark.parametrize("second", ["nnUNet_preprocessed", "nnUNet_results"])
def test_one_folder_for_two_of_nnunets_variables_is_refused(
    nnunet_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    monkeypatch.setenv(second, str(nnunet_folders[0] / "." / ".." / nnunet_folders[0].name))
    with pytest.raises(InputError, match=rf"nnUNet_raw and {second} are one folder"):
        choose_destination(501, "Tiny", overwrite=False)


@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed"])
@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_variable_that_names_a_file_is_refused(
    nnunet_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, variable: str, below: str
) -> None:
    file = nnunet_folders[0] / "patients.csv"
    file.touch()
    monkeypatch.setenv(variable, str(file / below))
    with pytest.raises(InputError, match=rf"{variable} is .*(, a|below the) file.*: expected a folder"):
        choose_destination(501, "Tiny", overwrite=False)


@pytest.mark.parametrize(
    ("cohort", "case_folders", "sentence"),
    [
        ("nnUNet_raw", True, "nnUNet_raw is .*, the cohort itself"),
        (".", True, "nnUNet_raw is .*, within the cohort "),
        ("nnUNet_raw/Dataset501_Tiny", False, "which the new dataset would replace"),
        ("nnUNet_raw/Dataset501_Tiny/imagesTr", True, "which the new dataset would replace"),
        (".", False, ""),
        ("nnUNet_raw", False, ""),
        ("nnUNet_raw/cohort", True, ""),
        ("nnUNet_raw/Dataset003_Liver", False, ""),
        ("elsewhere", True, ""),
    ],
)
def test_a_cohort_that_the_dataset_would_lie_in_or_replace_is_refused(
    nnunet_folders: tuple[Path, Path], cohort: str, case_folders: bool, sentence: str
) -> None:
    destination = choose_destination(501, "Tiny", overwrite=True)
    refused = pytest.raises(InputError, match=sentence) if sentence else nullcontext()
    with refused:
        refuse_entangled(nnunet_folders[0].parent / cohort, destination, case_folders=case_folders)


def test_nnunets_folders_below_a_hidden_one_are_no_case(
    nnunet_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = nnunet_folders[0].parent / "cohort"
    for folder in nnunet_folders:
        monkeypatch.setenv(folder.name, str(cohort / ".nnunet" / folder.name))
    refuse_entangled(cohort, choose_destination(501, "Tiny", overwrite=False), case_folders=True)


def test_a_dataset_that_came_in_the_meantime_is_not_replaced_unasked(
    nnunet_folders: tuple[Path, Path],
) -> None:
    destination = choose_destination(501, "Tiny", overwrite=False)
    make(destination, old=True)
    with pytest.raises(InputError, match="--overwrite"):
        publish(destination)
    assert state(destination) == ("old", "old")
    assert (destination.partial / "of").read_text() == "new"


def test_the_folder_that_is_renamed_holds_no_open_file(destination: Destination) -> None:
    with claimed_partial_folder(destination) as partial:
        assert not list(partial.iterdir())
        assert destination.lock.is_file()
        assert destination.lock.parent == partial.parent
    assert not destination.lock.exists()


def test_a_whole_name_is_not_taken_for_the_part_after_the_number(nnunet_folders: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"would be called Dataset501_Dataset501_Tiny; .* --name Tiny"):
        name_destination(501, "Dataset501_Tiny")


def test_a_home_that_was_not_expanded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_raw", "~/raw")
    with pytest.raises(InputError, match="nnUNet_raw is ~/raw: a ~ in quotes is not expanded"):
        name_destination(501, "Tiny")
