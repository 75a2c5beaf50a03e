"""Fixtures: empty folders of nnU-Net, and the setup command as a user runs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def nnunet_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Set nnU-Net's variables to empty folders: raw, preprocessed."""
    raw, preprocessed = tmp_path / "nnUNet_raw", tmp_path / "nnUNet_preprocessed"
    for folder in (raw, preprocessed):
        folder.mkdir()
        monkeypatch.setenv(folder.name, str(folder))
    monkeypatch.delenv("nnUNet_results", raising=False)
    return raw, preprocessed


@pytest.fixture
def setup_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run setup as setup_dataset.py does; gives exit status and what stderr said."""
    from nnunet_multiphase.cli import setup
    from nnunet_multiphase.cli.main import run_command

    def run(cohort: Path, *options: str) -> tuple[int, str]:
        parser = argparse.ArgumentParser()
        setup.add_arguments(parser)
        parser.set_defaults(run=setup.run)
        arguments = [str(cohort), "--dataset-id", "501", "--name", "Tiny", *options]
        status = run_command(parser.parse_args(arguments))
        return status, capsys.readouterr().err

    return run
