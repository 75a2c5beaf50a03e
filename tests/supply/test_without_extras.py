"""What needs no extra (docs/installation.md) works without: `pip install .` brings no pydicom, Dask or ONNX along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_phases import write_case

HIDDEN = ("pydicom", "highdicom", "dicomweb_client", "distributed", "dask", "dask_jobqueue")
HIDDEN += ("onnx", "onnxruntime", "onnxscript", "openvino")
NEED_THEM = ("dicom", "dicom_import", "dicom_out", "dicomweb", "patients.dicom_results")

HIDE = f"""
import sys
class Without:
    def __init__(self, finder): self.finder = finder
    def __getattr__(self, name): return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {HIDDEN!r} else self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""

EVERY_MODULE = """
import importlib, json, pkgutil
import nnunet_multiphase
lacking = {}
for module in pkgutil.walk_packages(nnunet_multiphase.__path__, "nnunet_multiphase."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        lacking[module.name] = error.name
print(json.dumps(lacking))
"""


def python(program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HIDE + program, *arguments],
        env=os.environ | variables,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )


@pytest.mark.slow
def test_only_what_is_dicom_needs_an_extra_to_be_imported() -> None:
    done = python(EVERY_MODULE)
    assert done.returncode == 0, done.stderr
    lacking = json.loads(done.stdout.splitlines()[-1])
    assert set(lacking.values()) <= {"pydicom", "highdicom", "dicomweb_client"}
    assert any(
        name.startswith("nnunet_multiphase.dicom_import.") for name in lacking
    )  # they are hidden indeed
    assert [
        name for name in lacking if not name.removeprefix("nnunet_multiphase.").startswith(NEED_THEM)
    ] == []


@pytest.mark.slow
def test_setup_reads_case_folders_and_knows_a_tree_of_dicom(tmp_path: Path) -> None:
    write_case(tmp_path / "cohort" / "case_1", phases=("art", "pv"), seed=1)
    series = tmp_path / "other" / "patient" / "study" / "series"
    series.mkdir(parents=True)
    (series / "1").write_bytes(b"\x08\0\x05\0CS\x0a\0ISO_IR 100")
    folders = {name: str(tmp_path / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    run = "from nnunet_multiphase.cli.main import main; sys.exit(main(sys.argv[1:]))"
    options = ("--dataset-id", "501", "--name", "Plain", "--phases", "art", "pv", "--dry-run")
    done = python(run, "setup", str(tmp_path / "cohort"), *options, **folders)
    assert done.returncode == 0, done.stderr
    done = python(run, "setup", str(tmp_path / "other"), *options, **folders)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "import-dicom" in done.stderr
