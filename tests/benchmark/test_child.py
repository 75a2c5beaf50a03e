"""Why a step that ran in a process of its own failed."""

import sys
from pathlib import Path

import pytest

from nnunet_multiphase.benchmark import child
from nnunet_multiphase.errors import InputError

PROGRAMS = {
    "print('first'); print('RuntimeError: nothing to train on'); raise SystemExit(1)": "RuntimeError: nothing to train on",
    "raise OSError(28, 'No space left on device')": "the disk is full: make room where",
    "raise SystemExit(1)": "it said nothing",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": "it was killed",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_reason_is_told(tmp_path: Path, program: str) -> None:
    with pytest.raises(InputError) as refused:
        child._run([sys.executable, "-c", program], tmp_path / "log", {}, "the step")
    assert str(refused.value).startswith(f"the step failed ({PROGRAMS[program]}")
    assert str(tmp_path / "log") in str(refused.value)


def test_a_log_that_a_full_disk_cut_off_says_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "ROOM_BYTES", 1 << 70)
    with pytest.raises(InputError, match="the disk is full: make room where"):
        child._run([sys.executable, "-c", "raise SystemExit(1)"], tmp_path / "log", {}, "the step")
