"""Two states of the program have two digests, one state has one, wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import registration
from nnunet_multiphase.code_digest import code_digest, digest_of


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "one" / "part").mkdir(parents=True)
    (tmp_path / "one" / "a.py").write_text("x = 1\n")
    (tmp_path / "one" / "part" / "b.py").write_text("y = 2\n")
    (tmp_path / "one" / "part" / "b.css").write_text("p { margin: 0; }\n")
    return tmp_path / "one"


@pytest.mark.parametrize("change", ["content", "style", "name", "another", "library"])
def test_any_change_of_the_code_changes_the_digest(package: Path, change: str) -> None:
    before = digest_of([package], ["numpy 1"])
    if change == "content":
        (package / "part" / "b.py").write_text("y = 3\n")
    elif change == "style":
        (package / "part" / "b.css").write_text("p { margin: 1px; }\n")
    elif change == "name":
        (package / "a.py").rename(package / "c.py")
    elif change == "another":
        (package / "c.py").write_text("")
    assert digest_of([package], ["numpy 2" if change == "library" else "numpy 1"]) != before


def test_place_and_line_ends_and_caches_are_no_change(package: Path, tmp_path: Path) -> None:
    before = digest_of([package])
    shutil.copytree(package, tmp_path / "two")
    (tmp_path / "two" / "a.py").write_bytes(b"x = 1\r\n")
    (tmp_path / "two" / "__pycache__").mkdir()
    (tmp_path / "two" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert digest_of([tmp_path / "two"]) == before


def test_the_programs_digest_takes_in_the_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    plain = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or plain(path))
    assert code_digest.__wrapped__() == code_digest()
    assert Path(registration.__file__).with_name("similarity.py") in read
