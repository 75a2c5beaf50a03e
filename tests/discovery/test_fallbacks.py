"""Where the start-up file is not read: launch, make_findable() and the folder for nnUNet_extTrainer."""

from pathlib import Path
from typing import Any

import pytest
from fresh_environments import Environment

pytestmark = pytest.mark.slow

SPAWNING_COMMAND = """
import json, multiprocessing
from nnunet_multiphase.autoload import is_installed

def main():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps({"parent": is_installed(), "child": pool.apply(is_installed)}))
"""


@pytest.fixture(scope="module")
def found(found_without_start_up: Any) -> Any:
    return found_without_start_up


def test_nothing_is_known_without_the_start_up_file(found: Any) -> None:
    assert found["before"] == [False, False]


def test_ext_folder_gives_the_installed_trainer(found: Any) -> None:
    assert found["ext_module"] == "nnunet_multiphase.training.multiphase_scam_trainer"
    assert found["ext_is_trainer"] is True


def test_ext_folder_gives_the_variants(found: Any) -> None:
    assert found["ext_variant"] == "MultiPhaseSCAMTrainer_1epoch"


def test_ext_folder_gives_nothing_else(found: Any) -> None:
    assert found["ext_unknown"] is None


def test_trainer_from_the_ext_folder_pickles(found: Any) -> None:
    assert found["ext_pickles"] is True


def test_ext_folder_holds_one_module() -> None:
    from nnunet_multiphase.doctor import EXT_TRAINER_FOLDER

    assert [path.name for path in EXT_TRAINER_FOLDER.glob("*.py")] == ["nnunet_multiphase_trainers.py"]


def test_make_findable_serves_modules_already_imported(found: Any) -> None:
    assert found["registered"] == [True, True]


def test_launch_lets_training_find_the_trainer(target_environment: Environment, tmp_path: Path) -> None:
    # nnU-Net looks the trainer up first, the dataset next: complaining of the latter, it has found the former
    folders = dict.fromkeys(("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"), str(tmp_path))
    training = ("nnUNetv2_train", "999", "3d_fullres", "0", "-tr", "MultiPhaseSCAMTrainer", "-device", "cpu")
    done = target_environment.run("-m", "nnunet_multiphase.launch", *training, **folders)
    assert "Could not find a dataset with the ID 999" in done.stderr


def test_launch_reaches_spawned_children(target_environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "spawning_command.py").write_text(SPAWNING_COMMAND)
    metadata = tmp_path / "spawning_command-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: spawning-command\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[console_scripts]\nnnUNetv2_spawn = spawning_command:main\n")
    path = f"{target_environment.variables['PYTHONPATH']}:{tmp_path}"
    answer = target_environment.answer("-m", "nnunet_multiphase.launch", "nnUNetv2_spawn", PYTHONPATH=path)
    assert answer == {"parent": True, "child": True}


def test_launch_names_the_commands_when_one_is_unknown(target_environment: Environment) -> None:
    done = target_environment.run("-m", "nnunet_multiphase.launch", "nnUNetv2_trian")
    assert done.returncode == 2
    assert "unknown command 'nnUNetv2_trian'" in done.stderr
    assert "nnUNetv2_train" in done.stderr


def test_launch_help_lists_the_commands(target_environment: Environment) -> None:
    done = target_environment.run("-m", "nnunet_multiphase.launch", "--help")
    assert done.returncode == 0
    assert "nnUNetv2_predict" in done.stdout
