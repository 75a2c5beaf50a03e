"""Where the start-up file is not read: launch, register() and the folder for nnUNet_extTrainer."""

from pathlib import Path
from typing import Any

import pytest
from fresh_environments import Environment

# The ext folder is searched just as find_objects.recursive_find_trainer_class_by_name does after all in-tree
# trainers were imported; those need timm and torchvision, which not every environment can import.
FALLBACKS = """
import json, pickle, sys
import nnunetv2.experiment_planning.plan_and_preprocess_api as planner_door
import nnunetv2.training.nnUNetTrainer.nnUNetTrainer as trainer_door
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

TRAINER, PLANNER = "MultiPhaseSCAMTrainer", "MultiPhaseSCAMPlanner"
found = {"before": [hasattr(trainer_door, TRAINER), hasattr(planner_door, PLANNER)]}
folder = sys.argv[1]
trainer = recursive_find_python_class(
    folder, TRAINER, None, base_folder=folder, cleanup_imports_from_base_folder=True
)
found["ext_module"] = trainer.__module__
variant = recursive_find_python_class(folder, TRAINER + "_1epoch", None, base_folder=folder)
found["ext_variant"] = variant.__name__
found["ext_unknown"] = recursive_find_python_class(folder, "NoSuchTrainer", None, base_folder=folder)
found["ext_is_trainer"] = issubclass(trainer, trainer_door.nnUNetTrainer)
found["ext_pickles"] = pickle.loads(pickle.dumps(trainer)) is trainer
from nnunet_multiphase.autoload import register
register()
found["registered"] = [getattr(trainer_door, TRAINER) is trainer, hasattr(planner_door, PLANNER)]
print(json.dumps(found))
"""

SPAWNING_COMMAND = """
import json, multiprocessing
from nnunet_multiphase.autoload import is_installed

def main():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps({"parent": is_installed(), "child": pool.apply(is_installed)}))
"""


@pytest.fixture(scope="module")
def found(target_environment: Environment) -> Any:
    folder = Path(target_environment.variables["PYTHONPATH"]) / "nnunet_multiphase" / "ext_trainer"
    return target_environment.answer("-c", FALLBACKS, str(folder))


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


def test_register_serves_modules_already_imported(found: Any) -> None:
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
