"""Print, as JSON, what nnU-Net's own look-ups find here; run in an environment under test, never by pytest.

The look-ups happen in a spawned child, as those of nnU-Net's workers do: it inherits nothing that was imported.
"""

import json
import multiprocessing
import os
import sys

TRAINER = "MultiPhaseSCAMTrainer"
VARIANT = "MultiPhaseSCAMTrainer_5epochs"
PLANNER = "MultiPhaseSCAMPlanner"


def file_of(cls: type) -> str:
    """Name the file a class was defined in."""
    return str(sys.modules[cls.__module__].__file__)


def resolve() -> dict[str, object]:
    """Look the names up as nnUNetv2_train, nnUNetv2_predict and nnUNetv2_plan_and_preprocess do."""
    import nnunetv2
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = PlansManager({"experiment_planner_used": PLANNER})
    trainer = recursive_find_trainer_class_by_name(TRAINER)
    planning = os.path.join(nnunetv2.__path__[0], "experiment_planning")
    door = sys.modules["nnunetv2.training.nnUNetTrainer.nnUNetTrainer"]
    return {
        "trainer": file_of(trainer),
        "variant": recursive_find_trainer_class_by_name(VARIANT).__name__,
        "planner": file_of(recursive_find_python_class(planning, PLANNER, "nnunetv2.experiment_planning")),
        "planner_of_plans": plans.experiment_planner_class.__name__,
        "nnunetv2": nnunetv2.__path__[0],
        "unknown_name_known": hasattr(door, "NoSuchTrainer"),
        "usual_loader": type(door.__spec__.loader).__name__,
        "loaded_needlessly": sorted({"timm", "torchvision"} & set(sys.modules)),
    }


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps(pool.apply(resolve)))
