"""Predict cases with one fold's network by nnU-Net's own predictor, timed, and count the network.

The child runs `python -m nnunet_multiphase.benchmark.prediction TASK.json RECORD.json`.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.child import run_module
from nnunet_multiphase.end_with_parent import end_with_parent
from nnunet_multiphase.json_file import load_json, write_json

MODULE = "nnunet_multiphase.benchmark.prediction"


def predict(
    folder: Path,
    model: Path,
    fold: int,
    cases: Mapping[str, Sequence[Path]],
    predicted: Path,
    *,
    device: str,
    mirroring: bool,
    step_size: float,
    environment: Mapping[str, str] | None = None,
    what: str,
) -> dict[str, Any]:
    """Predict cases with a fold's final checkpoint, or read the record of having done so.

    Args:
        folder: Receives prediction.json and the log.
        model: nnU-Net's folder of the trained model, with fold_<f> in it.
        fold: Whose network predicts.
        cases: Case -> files of its channels.
        predicted: Receives a segmentation a case, on the grid of its channels.
        device: "cpu" or "cuda".
        mirroring: Average predictions over mirrored inputs.
        step_size: From window to window, in patches.
        environment: nnU-Net's folders, where they are not this process's.
        what: What the training is called in messages.

    Returns:
        "parameters", "gmac" of one patch, "patch", "spacing_mm", and "seconds": case -> from raw files to the written
        segmentation.

    Raises:
        InputError: It failed; the sentence names its log.
    """
    task = {
        "model": str(model),
        "fold": fold,
        "cases": {case: [str(path) for path in files] for case, files in cases.items()},
        "predicted": str(predicted),
        "device": device,
        "mirroring": mirroring,
        "step_size": step_size,
    }
    return run_module(
        MODULE,
        task,
        folder / "prediction.json",
        folder / "logs" / "prediction.log",
        environment or {},
        f"predicting with {what}",
    )


def main(arguments: Sequence[str]) -> int:
    """Do a task file's predictions and write their record (the child's side)."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from nnunet_multiphase.autoload import make_findable

    task_file, record_file = map(Path, arguments)
    task = load_json(task_file)
    make_findable()
    predictor = nnUNetPredictor(
        tile_step_size=task["step_size"],
        use_mirroring=task["mirroring"],
        perform_everything_on_device=task["device"] == "cuda",
        device=torch.device(task["device"]),
        allow_tqdm=False,
    )
    predictor.initialize_from_trained_model_folder(
        task["model"], (task["fold"],), checkpoint_name="checkpoint_final.pth"
    )
    predicted = Path(task["predicted"])
    predicted.mkdir(parents=True, exist_ok=True)
    seconds = {}
    for case, images in task["cases"].items():
        began = time.perf_counter()
        predictor.predict_from_files_sequential([images], [str(predicted / case)])
        seconds[case] = time.perf_counter() - began
    write_json(record_file, {**_complexity(predictor), "seconds": seconds})
    return 0


def _complexity(predictor: Any) -> dict[str, Any]:
    """Count the network as it predicts, without deep supervision's extra heads, on one patch."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels

    from nnunet_multiphase.network.complexity import count_gmacs, count_parameters

    plan = predictor.configuration_manager
    channels = determine_num_input_channels(predictor.plans_manager, plan, predictor.dataset_json)
    network = get_network_from_plans(
        plan.network_arch_class_name,
        plan.network_arch_init_kwargs,
        plan.network_arch_init_kwargs_req_import,
        channels,
        predictor.label_manager.num_segmentation_heads,
        deep_supervision=False,
    )
    patch = [int(n) for n in plan.patch_size]
    return {
        "parameters": count_parameters(network),
        "gmac": count_gmacs(network, (1, channels, *patch)),
        "patch": patch,
        "spacing_mm": [float(s) for s in plan.spacing],
    }


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1:]))
