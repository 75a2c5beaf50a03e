"""`nnunet-multiphase register` is the registration's own command."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import SimpleITK as sitk
from tiny_phases import write_case

from nnunet_multiphase.cli import register

pytestmark = pytest.mark.slow


def test_register_command_is_the_registration_module(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    register.add_arguments(parser)
    transform = tmp_path / "pv.tfm"
    case = write_case(tmp_path / "case_1", liver=True, seed=1)
    options = ["--transform", str(transform), "--seed", "3", "--json", str(tmp_path / "pv.json")]
    arguments = parser.parse_args([str(case / "art.nii.gz"), str(case / "pv.nii.gz"), *options])
    assert register.run(arguments) == 0
    written = json.loads((tmp_path / "pv.json").read_text())
    assert written["seed"] == 3
    assert sitk.ReadTransform(str(transform)).GetParameters() == pytest.approx(
        written["angles_rad_translation_mm"]
    )
