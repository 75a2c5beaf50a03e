"""Try, in a fresh interpreter started by the doctor, what nnU-Net's commands would find."""

import json
import sys
from pathlib import Path
from typing import Any

from nnunet_multiphase import autoload

START_UP_FILE = "nnunet_multiphase_autoload.pth"
MAIN_TRAINER = "MultiPhaseSCAMTrainer"
MAIN_PLANNER = "MultiPhaseSCAMPlanner"


def gather() -> dict[str, Any]:
    """Resolve our names as nnU-Net does and return what happened, ready for JSON; may end with make_findable()."""
    found: dict[str, Any] = {"finder": autoload.is_installed()}
    found["start_up_files"] = [
        str(Path(folder) / START_UP_FILE) for folder in sys.path if (Path(folder) / START_UP_FILE).is_file()
    ]
    output = sys.stdout
    sys.stdout = sys.stderr  # nnU-Net prints while it searches
    try:
        found["imports"] = {name: _import_error(name) for name in ("torch", "SimpleITK", "numba", "nnunetv2")}
        found["trainers"] = _resolve_trainers()
        found["planner"] = _resolve_planner()
        if not found["finder"]:
            autoload.make_findable()
            found["trainers_after_register"] = _resolve_trainers()
        # Last: so that it is seen whether our names need it.
        found["imports"]["torchvision"] = _import_error("torchvision")
        found["device"] = _device() if found["imports"]["torch"] is None else None
    finally:
        sys.stdout = output
    return found


def probe() -> None:
    """Print what was gathered as one line of JSON, for the doctor that started this interpreter."""
    print(json.dumps(gather()))


def _resolve_trainers() -> dict[str, str]:
    """Return trainer name -> "" where nnU-Net finds ours, else what went wrong; stop at the first failure."""
    results: dict[str, str] = {}
    for name in autoload.known_names(autoload.TRAINER_DOOR):
        try:
            from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

            found = recursive_find_trainer_class_by_name(name)
            results[name] = _foreign(found)
        except Exception as error:
            results[name] = _words(error)
        if results[name]:
            break
    return results


def _resolve_planner() -> str:
    """Return "" where nnU-Net finds our planner, else what went wrong."""
    try:
        import nnunetv2
        from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

        folder = str(Path(nnunetv2.__path__[0]) / "experiment_planning")
        found = recursive_find_python_class(folder, MAIN_PLANNER, "nnunetv2.experiment_planning")
    except Exception as error:
        return _words(error)
    return "nnU-Net does not know the name" if found is None else _foreign(found)


def _foreign(found: type) -> str:
    ours = found.__module__.startswith("nnunet_multiphase.")
    return "" if ours else f"another package's class of that name, from {found.__module__}"


def _import_error(name: str) -> str | None:
    try:
        __import__(name)
    except Exception as error:  # a broken binary raises anything
        return _words(error)
    return None


def _words(error: Exception) -> str:
    first_line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}"


def _device() -> dict[str, Any]:
    import torch

    cuda = torch.cuda.is_available()
    return {
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
        "cuda_build": torch.version.cuda or torch.version.hip,
        "mps": torch.backends.mps.is_available(),
        "threads": torch.get_num_threads(),
    }
