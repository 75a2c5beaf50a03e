"""Paths that no shell has expanded, Windows' and links to nothing are refused by every command; a reader may go."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnunet_multiphase.cli import main as cli
from nnunet_multiphase.cli.paths import refuse_odd_paths
from nnunet_multiphase.errors import InputError


def given(*paths: Path, **options: object) -> argparse.Namespace:
    return argparse.Namespace(output=paths[0], inputs=[*paths[1:]], **options)


def test_a_tilde_that_no_shell_expanded_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    with pytest.raises(InputError, match=r"^~/out: the ~ was not expanded.*write /home/me/out$"):
        refuse_odd_paths(given(Path("~/out")))
    with pytest.raises(InputError, match="write the whole path"):
        refuse_odd_paths(given(tmp_path, Path("~you/out")))
    Path("~").mkdir()
    refuse_odd_paths(given(Path("~/out"), name="~"))  # it is called so


@pytest.mark.skipif(os.sep != "/", reason="there the path is right")
@pytest.mark.parametrize("path", ["D:\\out", "D:/out", "\\\\server\\share"])
def test_a_path_of_windows_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="as Windows writes it"):
        refuse_odd_paths(given(Path(path)))


def test_a_link_to_nothing_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    with pytest.raises(InputError, match=r"out is a link to .*disk, where nothing is: mount"):
        refuse_odd_paths(given(tmp_path / "new", tmp_path / "out"))


def test_every_command_refuses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["phantom", "~/cohort"]) == 2
    assert "the ~ was not expanded" in capsys.readouterr().err
    assert not (tmp_path / "~").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that break so")
def test_a_reader_that_goes_ends_a_command_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "nnunet_multiphase.cli.main", "setup", "--list-presets"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
