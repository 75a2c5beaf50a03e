"""Print, as JSON, what nnU-Net's own look-ups find here; run in an environment under test, never by pytest.

The look-ups happen in a spawned child, as those of nnU-Net's workers do: it inherits nothing that was imported.
"""

import json
import multiprocessing
import sys
import tempfile
from pathlib import Path

TRAINER = "MultiPhaseSCAMTrainer"
VARIANT = "MultiPhaseSCAMTrainer_5epochs"
PLANNER = "MultiPhaseSCAMPlanner"


def file_of(cls: type) -> str:
    """Name the file a class was defined in."""
    return str(sys.modules[cls.__module__].__file__)


def network_of_a_checkpoint() -> str:
    """Save a model folder as nnU-Net does and name the network that its predictor builds from it.

    The predictor knows the trainer only by the name that the checkpoint holds.
    """
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, NETWORK_CLASS, default_arch_kwargs

    arguments = default_arch_kwargs([[3, 3], [3, 3]], [[1, 1], [2, 2]], is_2d=True)
    network = get_network_from_plans(NETWORK_CLASS, arguments, ARCH_KWARGS_REQ_IMPORT, 2, 2)
    architecture = {
        "network_class_name": NETWORK_CLASS,
        "arch_kwargs": arguments,
        "_kw_requires_import": ARCH_KWARGS_REQ_IMPORT,
    }
    plans = {"configurations": {"2d": {"architecture": architecture}}, "label_manager": "LabelManager"}
    dataset = {"channel_names": {"0": "CT", "1": "CT"}, "labels": {"background": 0, "lesion": 1}}
    checkpoint = {
        "trainer_name": TRAINER,
        "init_args": {"configuration": "2d"},
        "network_weights": network.state_dict(),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fold_0").mkdir()
        (folder / "plans.json").write_text(json.dumps(plans))
        (folder / "dataset.json").write_text(json.dumps(dataset))
        torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
        predictor = nnUNetPredictor(device=torch.device("cpu"))
        predictor.initialize_from_trained_model_folder(name, (0,))
    return f"{type(predictor.network).__module__}.{type(predictor.network).__name__}"


def resolve() -> dict[str, object]:
    """Look the names up as nnUNetv2_train, nnUNetv2_predict and nnUNetv2_plan_and_preprocess do."""
    import nnunetv2
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = PlansManager({"experiment_planner_used": PLANNER})
    trainer = recursive_find_trainer_class_by_name(TRAINER)
    planning = str(Path(nnunetv2.__path__[0]) / "experiment_planning")
    door = sys.modules["nnunetv2.training.nnUNetTrainer.nnUNetTrainer"]
    return {
        "trainer": file_of(trainer),
        "variant": recursive_find_trainer_class_by_name(VARIANT).__name__,
        "planner": file_of(recursive_find_python_class(planning, PLANNER, "nnunetv2.experiment_planning")),
        "planner_of_plans": plans.experiment_planner_class.__name__,
        "predictor_network": network_of_a_checkpoint(),
        "nnunetv2": nnunetv2.__path__[0],
        "unknown_name_known": hasattr(door, "NoSuchTrainer"),
        "usual_loader": type(door.__spec__.loader).__name__,
        "loaded_needlessly": sorted({"timm", "torchvision"} & set(sys.modules)),
    }


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps(pool.apply(resolve)))
