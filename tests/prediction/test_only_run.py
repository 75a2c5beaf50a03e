"""Two runs of one patient into one folder do not mix their files."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnunet_multiphase.alone import alone
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.prediction import case
from nnunet_multiphase.prediction.case import predict_case
from nnunet_multiphase.prediction.only_run import only_run

HOLDS_IT = """
import sys
from pathlib import Path
from nnunet_multiphase.prediction.only_run import only_run
with only_run(Path(sys.argv[1]), "one"):
    print("at it", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other_run(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_IT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at it\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_run_of_a_patient_is_refused_and_another_patient_is_not(tmp_path: Path, other_run) -> None:
    with pytest.raises(InputError, match=r"^case one .* wait for it, or name"), only_run(tmp_path, "one"):
        pass
    with only_run(tmp_path, "two"), only_run(tmp_path / "elsewhere", "one"):
        pass


def test_predicting_looks_for_another_run_before_the_network_works(tmp_path: Path, monkeypatch) -> None:
    prepared = SimpleNamespace(case=SimpleNamespace(name="one"))
    monkeypatch.setattr(case, "prepare_for", lambda *_, **__: prepared)
    monkeypatch.setattr(case, "segment_case", lambda *_, **__: pytest.fail("the network was asked"))
    model = SimpleNamespace(record={"labels": {"background": 0, "lesion": 1}})
    with only_run(tmp_path, "one"), pytest.raises(InputError, match="by another run right now"):
        predict_case(model, tmp_path / "one", tmp_path, everywhere=True)


def test_a_run_that_was_killed_keeps_nobody_away(tmp_path: Path, other_run) -> None:
    other_run.kill()
    other_run.wait()
    assert (tmp_path / ".one.lock").exists()
    with only_run(tmp_path, "one"):
        pass


def test_nothing_of_the_lock_stays_behind(tmp_path: Path) -> None:
    with only_run(tmp_path / "out", "one"):
        (tmp_path / "out" / "one.nii.gz").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.nii.gz"]


def test_a_folder_made_for_a_run_that_fails_does_not_stay(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_run(tmp_path / "out", "one"):
        raise ZeroDivisionError
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    with only_run(tmp_path, "one"):
        pass
    assert tmp_path.exists()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_of_the_system_the_second_is_refused_too(
    tmp_path: Path, monkeypatch, number: int
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", no_locks)
    with only_run(tmp_path, "one"), pytest.raises(InputError, match="wait for it"), only_run(tmp_path, "one"):
        pass
    with only_run(tmp_path, "one"):  # the first has let go
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_holder_has_just_removed_it_keeps_nobody_out(tmp_path: Path) -> None:
    """Three in turn: a lock on a file that is no longer there must not count beside one on its successor."""
    lock = tmp_path / "lock"
    with alone(lock, "held"):
        lock.unlink()
        with alone(lock, "held"), pytest.raises(InputError, match="held"), alone(lock, "held"):
            pass
