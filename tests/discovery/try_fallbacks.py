"""Print, as JSON, what works where the start-up file was not read; run in such an environment, never by pytest.

`python try_fallbacks.py EXT_TRAINER_FOLDER`
"""

import json
import pickle
import sys

TRAINER = "MultiPhaseSCAMTrainer"
PLANNER = "MultiPhaseSCAMPlanner"


def try_all(folder: str) -> dict[str, object]:
    """Look our names up before and after make_findable(), and in the ext folder."""
    import nnunetv2.experiment_planning.plan_and_preprocess_api as planner_door
    import nnunetv2.training.nnUNetTrainer.nnUNetTrainer as trainer_door
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    before = [hasattr(trainer_door, TRAINER), hasattr(planner_door, PLANNER)]
    # As find_objects.recursive_find_trainer_class_by_name searches the folder, but without its importing all of
    # nnU-Net's trainers first: those need timm and torchvision, which not every environment can import.
    trainer = recursive_find_python_class(
        folder, TRAINER, None, base_folder=folder, cleanup_imports_from_base_folder=True
    )
    variant = recursive_find_python_class(folder, f"{TRAINER}_1epoch", None, base_folder=folder)
    found = {
        "before": before,
        "ext_module": trainer.__module__,
        "ext_variant": variant.__name__,
        "ext_unknown": recursive_find_python_class(folder, "NoSuchTrainer", None, base_folder=folder),
        "ext_is_trainer": issubclass(trainer, trainer_door.nnUNetTrainer),
        "ext_pickles": pickle.loads(pickle.dumps(trainer)) is trainer,
    }
    from nnunet_multiphase.doctor_probe import gather

    found["doctor"] = gather()  # ends with make_findable()
    found["registered"] = [getattr(trainer_door, TRAINER) is trainer, hasattr(planner_door, PLANNER)]
    return found


if __name__ == "__main__":
    print(json.dumps(try_all(sys.argv[1])))
