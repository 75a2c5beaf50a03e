"""The setup command, stopped or killed or run twice at once: no dataset that is half one, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from built_dataset import PHASES, write_cohort
from tiny_phases import write_case

from nnunet_multiphase.dataset.destination import choose_destination, claimed_partial_folder
from nnunet_multiphase.errors import is_ctrl_c

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "setup_dataset.py"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start setup_dataset.py as a user does, in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start_command(cohort: Path, *options: str) -> subprocess.Popen[str]:
        arguments = [str(cohort), "--dataset-id", "501", "--name", "Tiny", *options]
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ.copy(),
            # A suite that a shell started in the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start_command
    for process in started:
        process.kill()


@pytest.fixture
def command(
    cohort: Path, nnunet_folders: tuple[Path, Path], start: Callable[..., subprocess.Popen[str]]
) -> Callable[..., subprocess.Popen[str]]:
    """Start setup_dataset.py on the cohort."""
    return lambda *options: start(cohort, "--phases", *PHASES, *options)


def wait_for(found: Callable[[], Iterator[Path]]) -> None:
    """Wait until a file is there; the limit is for a command that never writes, not for one on a busy machine."""
    deadline = time.monotonic() + 600
    while not any(found()):
        assert time.monotonic() < deadline, "the command wrote nothing"
        time.sleep(0.02)


def test_ctrl_c_within_compiled_code_is_no_failure_of_a_case() -> None:
    error = SystemError("returned a result with an exception set")
    error.__cause__ = KeyboardInterrupt()
    assert is_ctrl_c(error)
    assert not is_ctrl_c(SystemError("of its own"))


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopped_command_leaves_no_dataset(
    command: Callable[..., subprocess.Popen[str]],
    nnunet_folders: tuple[Path, Path],
    jobs: str,
    stop: signal.Signals,
) -> None:
    process = command("--missing", "fill", "--jobs", jobs)
    wait_for(lambda: nnunet_folders[0].glob(".*.partial"))
    process.send_signal(stop)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    # What nnU-Net sees: nothing. The hidden folder is where the next run goes on.
    assert [list(folder.glob("[!.]*")) for folder in nnunet_folders] == [[], []]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_command_is_gone_on_with(
    start: Callable[..., subprocess.Popen[str]],
    nnunet_folders: tuple[Path, Path],
    tmp_path: Path,
    jobs: str,
) -> None:
    for number in range(3):
        write_case(tmp_path / "cohort" / f"case_{number}", phases=("art", "pv"), seed=number)
    partial = nnunet_folders[0] / ".Dataset501_Tiny.partial"
    options = ("--phases", "art", "pv", "--jobs", jobs, "--test-fraction", "0")
    process = start(tmp_path / "cohort", *options)
    wait_for(lambda: (partial / "finished").glob("*.json"))
    process.kill()
    process.communicate(timeout=600)
    time.sleep(1.5)  # workers that outlived their parent would still write
    done = {path.stem for path in (partial / "finished").glob("*.json")}
    written = {case: (partial / "labelsTr" / f"{case}.nii.gz").stat().st_mtime_ns for case in done}
    (partial / "labelsTr" / "stranger.nii.gz").touch()  # as of a case that is not in the cohort any more
    process = start(tmp_path / "cohort", *options)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    folder = nnunet_folders[0] / "Dataset501_Tiny"
    assert {c: (folder / "labelsTr" / f"{c}.nii.gz").stat().st_mtime_ns for c in done} == written
    assert sorted(path.name for path in (folder / "labelsTr").iterdir()) == [
        f"case_{n}.nii.gz" for n in range(3)
    ]
    assert len(list((folder / "imagesTr").iterdir())) == 6
    assert not partial.exists()
    assert not list(folder.glob("finished")) + list(folder.glob("run"))


def test_two_processes_do_not_make_one_dataset(
    command: Callable[..., subprocess.Popen[str]], nnunet_folders: tuple[Path, Path]
) -> None:
    destination = choose_destination(501, "Tiny", overwrite=False)
    with claimed_partial_folder(destination):
        process = command("--missing", "fill")
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 2
    assert "is being made by another process right now" in stderr
    with claimed_partial_folder(destination):  # it was let go
        pass


def test_script_names_every_case_that_lacks_a_phase(command: Callable[..., subprocess.Popen[str]]) -> None:
    process = command()
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 2
    assert [
        line for line in stderr.splitlines() if "error:" in line and "case_3" in line and "nc.nii.gz" in line
    ]
