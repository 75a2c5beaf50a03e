"""A file is there whole or not at all, and what the system says of it names it."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from nnunet_multiphase.errors import told_by_system
from nnunet_multiphase.whole_file import STALE_S, private, whole_file


def test_what_is_written_comes_to_its_place(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.csv") as beside:
        beside.write_text("new")
        assert not (tmp_path / "a.csv").exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "new"}


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.csv") as beside:  # noqa: PT012
        beside.write_text("half")
        raise KeyboardInterrupt
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "old"}


def test_two_writers_never_write_into_each_others(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.csv") as first, whole_file(tmp_path / "a.csv") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.csv").read_text() == "first"  # the last to end
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_killed_run_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    left, other, fresh = (
        tmp_path / name for name in (".a.csv.0.partial", ".b.csv.0.partial", ".a.csv.1.partial")
    )
    for path in (left, other, fresh):
        path.write_text("half")
    for path in (left, other):
        os.utime(path, (0, left.stat().st_mtime - STALE_S - 60))
    with whole_file(tmp_path / "a.csv") as beside:
        beside.write_text("new")
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", other.name, fresh.name}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_full_disk_is_said_with_the_files_name(tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"a\.csv") as told, whole_file(tmp_path / "a.csv") as beside:
            beside.write_text("x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert told_by_system(told.value).startswith(
        f"{tmp_path / 'a.csv'} cannot be written: the disk is full ("
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "cannot be written: the disk is full"),
        (errno.EACCES, "is not this user's to read or to write"),
        (errno.EROFS, "is not this user's to read or to write"),
        (errno.EIO, "a: what the system says"),
    ],
)
def test_the_systems_refusals_are_sentences(number: int, words: str) -> None:
    assert words in told_by_system(OSError(number, "what the system says", "a"))


def test_a_name_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in told_by_system(OSError(errno.ENOENT, "No such file", "a\x1b[2J"))


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another thing there")
def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    with whole_file(tmp_path / "key.csv") as beside, private(beside, "w") as stream:
        stream.write("x")
    assert (tmp_path / "key.csv").stat().st_mode & 0o777 == 0o600
