"""One small demo run, shared: the real chain from raw phases to the page, as a user starts it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from without_network import attempts, without_network


@dataclass(frozen=True)
class DemoRun:
    folder: Path
    printed: str
    connections: list[str]  # that it tried

    @property
    def test_cases(self) -> list[str]:
        return sorted(p.name.removesuffix(".nii.gz") for p in (self.folder / "truth").glob("*.nii.gz"))

    @property
    def model(self) -> Path:
        (folder,) = (self.folder / "nnUNet_results").glob("Dataset501_*/MultiPhaseSCAMTrainer__*__3d_fullres")
        return folder


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    folder = tmp_path_factory.mktemp("chain") / "demo"
    log = tmp_path_factory.mktemp("watch") / "log"
    # None of nnU-Net's variables: the demo must need none.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("nnUNet_")}
    options = ["--cases", "6", "--epochs", "1", "--iterations", "2", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "nnunet_multiphase.cli.main", "demo", str(folder), *options],
        env=without_network(log, environment),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return DemoRun(folder, done.stdout, attempts(log))
