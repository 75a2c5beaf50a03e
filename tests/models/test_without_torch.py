"""An exported model predicts where torch and nnU-Net are not installed."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_model import Exported
from without_network import attempts, without_network

from nnunet_multiphase import models

pytestmark = pytest.mark.slow

ABSENT = (
    "torch",
    "nnunetv2",
    "monai",
    "panoptica",
    "batchgenerators",
    "batchgeneratorsv2",
    "dynamic_network_architectures",
    "matplotlib",
    "tqdm",
    "skimage",
    "pandas",
    "sklearn",
    "openvino",
    "onnx",
)
PREDICT = f"""
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {ABSENT!r} else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from nnunet_multiphase.cli.main import main
status = main(sys.argv[1:])
assert not set(sys.modules) & set({ABSENT!r})
sys.exit(status)
"""
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
REQUIREMENTS = Path(models.__file__).with_name("requirements.txt")


def volume(values: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((9.0, 9.0, 10.0))
    return image


def test_predict_runs_without_torch_and_nnunet(exported: Exported, tmp_path: Path) -> None:
    case = tmp_path / "patient"
    case.mkdir()
    z, y, x = np.mgrid[-1:1:14j, -1:1:34j, -1:1:40j]
    body, liver = z**2 / 9 + y**2 + x**2 < 0.9, z**2 + (y * 2) ** 2 + (x * 2 + 0.5) ** 2 < 0.5
    noise = np.random.default_rng(0).normal(0, 10, body.shape)
    reference = volume(np.where(body, 20 + 80 * liver + noise, -1000).astype(np.int16))
    sitk.WriteImage(reference, str(case / "pv.nii.gz"))
    sitk.WriteImage(volume(liver.astype(np.uint8)), str(case / "liver_pv.nii.gz"))
    options = ["-m", exported.folder, "-o", tmp_path / "out", "--missing", "fill", "--disable-tta"]
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, "predict", case, *options],
        capture_output=True,
        encoding="utf-8",
        cwd=Path(__file__).parents[2],
        env=without_network(tmp_path / "watch"),
    )
    assert done.returncode == 0, done.stderr
    labels = sitk.ReadImage(str(tmp_path / "out" / "patient.nii.gz"))
    assert labels.GetSize() == reference.GetSize()
    assert sitk.GetArrayFromImage(labels).any()
    assert "matplotlib is not installed" in done.stderr
    assert attempts(tmp_path / "watch") == []


def test_the_short_list_asks_for_nothing_else_than_the_package_does() -> None:
    project = PROJECT.read_text(encoding="utf-8")
    dependencies = project[
        project.index("\ndependencies = [") : project.index("[project.optional-dependencies]")
    ]
    asked = set(re.findall(r'"([\w-]+)>=([\d.]+)', dependencies))
    listed = set(re.findall(r"^([\w-]+)>=([\d.]+)", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE))
    assert {name for name, _ in listed - asked} == {"onnxruntime"}  # of an extra
    assert len(listed) == 11
    assert {"torch", "nnunetv2"} <= {name for name, _ in asked - listed}
