"""One tiny planned dataset for all planner tests."""

import json
from pathlib import Path

import pytest
from tiny_dataset import FOLDERS, write_fingerprint, write_raw

from nnunet_multiphase.planning.multiphase_scam_planner import PLANS_NAME, MultiPhaseSCAMPlanner

DATASET = "Dataset901_Tiny"


@pytest.fixture(scope="session")
def planning_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with one raw dataset of six cases and its fingerprint."""
    root = tmp_path_factory.mktemp("planning")
    write_raw(root, DATASET, {"background": 0, "lesion": 1})
    write_fingerprint(root, DATASET)
    return root


@pytest.fixture
def nnunet_folders(planning_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point nnU-Net at that folder for one test."""
    for variable in FOLDERS:
        monkeypatch.setenv(variable, str(planning_root / variable))
    return planning_root


@pytest.fixture(scope="session")
def plans(planning_root: Path) -> dict:
    """Plan the dataset once, with every default."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in FOLDERS:
            patch.setenv(variable, str(planning_root / variable))
        MultiPhaseSCAMPlanner(901).plan_experiment()
    saved = planning_root / "nnUNet_preprocessed" / DATASET / f"{PLANS_NAME}.json"
    return json.loads(saved.read_text())
