"""A patient's files that replace an earlier run's are never taken for a mixture of the two, wherever it breaks off."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_off import Died, failing

from nnunet_multiphase.prediction.write import place_files

COMMON = ("one.nii.gz", "one_lesions.csv", "one_lesions.json", "registration/one_art.tfm")
OLD = (*COMMON, "registration/one_pv.tfm", "one.html", "one_seg.dcm", "one_sr.dcm", "grids/pv/one.nii.gz")


def write(folder: Path, names: tuple[str, ...], content: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, Died])
@pytest.mark.parametrize("when", ["before", "after"])
def test_where_labels_lie_all_files_are_of_one_run(
    tmp_path: Path, error: type[BaseException], when: str
) -> None:
    for number in range(100):
        root = tmp_path / str(number)
        output = write(root / "out", OLD, "old")
        partial = write(root / "partial", COMMON, "new")
        with failing(number, when, error) as seen:
            try:
                place_files(partial, output, "one")
            except error:
                pass
            else:
                break
        found = contents(output)
        if "one.nii.gz" in found:
            assert found in (dict.fromkeys(OLD, "old"), dict.fromkeys(COMMON, "new")), (number, seen)
        # What is left of an error that is met is not gone on with; a kill leaves what the next run replaces.
        place_files(write(root / "again", COMMON, "new"), output, "one")
        assert contents(output) == dict.fromkeys(COMMON, "new"), (number, seen)
    else:
        pytest.fail("it never came to its end")
    assert number > 8  # it was broken off at each step
    assert contents(output) == dict.fromkeys(COMMON, "new")


def test_another_patients_files_stay(tmp_path: Path) -> None:
    output = write(tmp_path / "out", ("two.nii.gz", "two.html", "registration/two_art.tfm"), "two")
    place_files(write(tmp_path / "partial", COMMON, "new"), output, "one")
    assert {name for name, text in contents(output).items() if text == "two"} == {
        "two.nii.gz",
        "two.html",
        "registration/two_art.tfm",
    }
