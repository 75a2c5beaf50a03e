"""Whatever breaks off while a folder takes another's place, one of the two is there, and whole."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from broken_off import Died, failing

from nnunet_multiphase.exchange import remove_folder, replace_folder, settle_folder


def make(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        (folder / name).write_text(content)
    return folder


def content(folder: Path) -> str | None:
    """Tell what a folder holds, none if it is not there; both files say the same."""
    if not folder.exists():
        return None
    (said,) = {path.read_text() for path in folder.iterdir()}
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]
    return said


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, Died])
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_old_or_the_new_is_there_wherever_an_exchange_breaks_off(
    tmp_path: Path, when: str, error: type[BaseException]
) -> None:
    for number in range(20):
        shutil.rmtree(tmp_path / "at", ignore_errors=True)
        folder = make(tmp_path / "at" / "case", "old")
        finished = make(tmp_path / "at" / ".case.partial", "new")
        with failing(number, when, error) as seen:
            try:
                replace_folder(finished, folder)
            except (OSError, KeyboardInterrupt, Died):
                assert len(seen) > number
        if error is not Died:  # it has settled that itself
            assert content(folder) == ("old" if finished.exists() else "new"), (number, seen)
        settle_folder(folder)
        assert content(folder) == ("old" if finished.exists() else "new"), (number, seen)
        assert {path.name for path in folder.parent.iterdir()} <= {"case", ".case.partial"}
        if len(seen) <= number:
            break
    assert number >= 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_half_of_a_removed_folder_never_comes_back(tmp_path: Path, when: str) -> None:
    for number in range(10):
        shutil.rmtree(tmp_path / "at", ignore_errors=True)
        folder = make(tmp_path / "at" / "case", "old")
        with failing(number, when, Died) as seen, suppress(Died):
            remove_folder(folder)
        for hidden in tmp_path.glob("at/.case.*"):
            (hidden / "a").unlink(missing_ok=True)  # the removal was at it
        settle_folder(folder)
        assert content(folder) in (None, "old")
        if len(seen) <= number:
            break
    assert number >= 2
