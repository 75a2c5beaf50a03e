"""Say whether nnU-Net finds us in this environment, which way, and what to do where something is missing.

The names are resolved by nnU-Net's own functions in a fresh interpreter, exactly as its commands would.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from nnunet_multiphase.doctor_probe import MAIN_PLANNER, MAIN_TRAINER, START_UP_FILE

DISTRIBUTION = "nnunet-multiphase"
EXT_TRAINER_FOLDER = Path(__file__).resolve().parent / "ext_trainer"
LAUNCH = "python -m nnunet_multiphase.launch"

# The working directory must not be searched: nnU-Net's console scripts do not search it either.
_PROBE = """import sys
sys.path[:] = [folder for folder in sys.path if folder]
from nnunet_multiphase import doctor_probe
doctor_probe.probe()"""


@dataclass(frozen=True)
class Check:
    """One finding: `status` is "ok", "warn" or "fail"; `advice` says what to do, empty where nothing."""

    name: str
    status: str
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings. `way` is "autoload" or "ext folder", None where nnU-Net does not find the trainer."""

    ready: bool
    way: str | None
    interpreter: str
    ext_trainer_folder: str
    versions: dict[str, str | None]
    checks: tuple[Check, ...]


def examine(environment: Mapping[str, str] | None = None) -> Diagnosis:
    """Examine the environment of this interpreter.

    Args:
        environment: the variables to judge and to give to the fresh interpreter; by default our own.

    Returns:
        The diagnosis; `ready` is True when no check failed: training by the trainer's name would work.
    """
    environment = os.environ if environment is None else environment
    report = _ask_fresh_interpreter(environment)
    way = _way(report)
    names = (DISTRIBUTION, "nnunetv2", "torch", "torchvision", "SimpleITK", "numba", "numpy")
    versions = {name: _version(name) for name in names} | {"python": platform.python_version()}
    checks = [
        Check("Python", "ok", versions["python"] or ""),
        _check_nnunet(versions["nnunetv2"]),
        *(_check_library(name, versions[name], report) for name in ("torch", "SimpleITK", "numba")),
        _check_torchvision(versions, report),
        _check_trainers(report, way),
        _check_planner(report),
        _check_device(report),
        _check_folder("nnUNet_raw", environment, needed_for_training=False),
        _check_folder("nnUNet_preprocessed", environment, needed_for_training=True),
        _check_folder("nnUNet_results", environment, needed_for_training=True),
    ]
    return Diagnosis(
        ready=all(check.status != "fail" for check in checks),
        way=way,
        interpreter=sys.executable,
        ext_trainer_folder=str(EXT_TRAINER_FOLDER),
        versions=versions,
        checks=tuple(checks),
    )


def as_text(diagnosis: Diagnosis) -> str:
    """Write the diagnosis in plain words, one line a check and its advice below it."""
    ours = diagnosis.versions[DISTRIBUTION] or "(not installed)"
    lines = [f"{DISTRIBUTION} {ours}, {diagnosis.interpreter}"]
    for check in diagnosis.checks:
        lines.append(f"  {check.status:<5} {check.name + ':':<21} {check.found}")
        if check.advice:
            lines.append(f"        -> {check.advice}")
    lines.append(f"Folder for nnUNet_extTrainer, should you need it: {diagnosis.ext_trainer_folder}")
    failed = [check.name for check in diagnosis.checks if check.status == "fail"]
    if failed:
        lines.append(f"Training by name would not work yet; see {', '.join(failed)} above.")
    else:
        lines.append(f"Ready: nnUNetv2_train DATASET 3d_fullres FOLD -tr {MAIN_TRAINER} would work.")
    return "\n".join(lines)


def as_json(diagnosis: Diagnosis) -> str:
    """Write the diagnosis as one JSON object with the dataclass's field names."""
    return json.dumps(asdict(diagnosis), indent=2)


def _ask_fresh_interpreter(environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-c", _PROBE]
    child = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, errors="replace", check=False
    )
    if child.returncode == 0:
        return json.loads(child.stdout.splitlines()[-1])
    last = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
    return {"failure": last}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _way(report: dict[str, Any]) -> str | None:
    trainers = report.get("trainers") or {"": "none"}
    if trainers.get(MAIN_TRAINER, "missing"):
        return None
    return "autoload" if report["finder"] else "ext folder"


def _check_nnunet(installed: str | None) -> Check:
    tested, inside = _tested_range(installed)
    remedy = f'pip install "nnunetv2{tested}"'
    if installed is None:
        return Check("nnunetv2", "fail", "not installed", remedy)
    if not inside:
        return Check("nnunetv2", "warn", f"{installed}, tested with {tested}", f"{remedy}, should it fail")
    return Check("nnunetv2", "ok", f"{installed} (tested with {tested})" if tested else installed)


def _tested_range(installed: str | None) -> tuple[str, bool]:
    """Return the nnunetv2 versions our metadata asks for ("" if unknown), and whether `installed` is inside."""
    try:
        from packaging.requirements import Requirement  # comes with matplotlib, a dependency of ours

        needed = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
    except ImportError:  # PackageNotFoundError is one: run from a folder, not installed
        return "", True
    specifier = next(item.specifier for item in needed if item.name == "nnunetv2")
    return str(specifier), installed is not None and specifier.contains(installed, prereleases=True)


def _check_library(name: str, installed: str | None, report: dict[str, Any]) -> Check:
    if installed is None:
        return Check(name, "fail", "not installed", f"pip install {name}")
    error = report.get("imports", {}).get(name)
    if error:
        return Check(
            name,
            "fail",
            f"{installed}, but it does not import ({error})",
            f"pip install --force-reinstall {name}",
        )
    return Check(name, "ok", installed)


def _check_torchvision(versions: Mapping[str, str | None], report: dict[str, Any]) -> Check:
    """Warn where it does not import: our own trainers need it not, nnU-Net's search for all others does."""
    installed, error = versions["torchvision"], report.get("imports", {}).get("torchvision")
    if installed and not error:
        return Check("torchvision", "ok", installed)
    found = (
        f"{installed}, but it does not import ({error}; built for another torch?)"
        if installed
        else "not installed"
    )
    torch = versions["torch"] or ""
    _, _, build = torch.partition("+")
    index = f" --index-url https://download.pytorch.org/whl/{build}" if build else ""
    return Check(
        "torchvision",
        "warn",
        f"{found}; nnU-Net finds no trainer of your own (nnUNet_extTrainer), and answers a misspelt -tr with its error",
        f"pip uninstall -y torchvision; pip install torchvision torch=={torch}{index}"
        if torch
        else "see torch",
    )


def _check_trainers(report: dict[str, Any], way: str | None) -> Check:
    if "failure" in report:
        return Check(
            "trainer",
            "fail",
            f"a fresh interpreter cannot use this package ({report['failure']})",
            f"install it into this environment: pip install {DISTRIBUTION}",
        )
    wrong = {name: error for name, error in report["trainers"].items() if error}
    if way and not wrong:
        how = "the start-up file (autoload)" if way == "autoload" else "nnUNet_extTrainer (ext folder)"
        return Check(
            "trainer", "ok", f"{MAIN_TRAINER} and {len(report['trainers']) - 1} variants found through {how}"
        )
    name, error = next(iter(wrong.items()), (MAIN_TRAINER, "no trainer is listed"))
    if report["finder"]:
        return Check(
            "trainer", "fail", f"{name} is known but does not load ({error})", "repair what the message names"
        )
    if report["trainers_after_register"].get(MAIN_TRAINER, "missing"):
        return Check(
            "trainer",
            "fail",
            f"{name} is not found ({error})",
            f"pip install --force-reinstall {DISTRIBUTION}",
        )
    why = "is not read here" if report["start_up_files"] else "is not in site-packages"
    return Check(
        "trainer",
        "fail",
        f"nnU-Net does not find {name}: {START_UP_FILE} {why}",
        f"pip install {DISTRIBUTION} without --target, or run: {LAUNCH} nnUNetv2_train ..., "
        f"or in a notebook: import nnunet_multiphase; nnunet_multiphase.make_findable(), "
        f"or set nnUNet_extTrainer={EXT_TRAINER_FOLDER}",
    )


def _check_planner(report: dict[str, Any]) -> Check:
    error = report.get("planner", "no answer")
    if not error:
        return Check("planner", "ok", f"{MAIN_PLANNER} found")
    if report.get("finder"):
        found = f"{MAIN_PLANNER} is known but does not load ({error})"
        return Check("planner", "warn", found, "repair what the message names")
    advice = f"plan with: {LAUNCH} nnUNetv2_plan_and_preprocess -d DATASET -pl {MAIN_PLANNER}"
    return Check("planner", "warn", f"{MAIN_PLANNER} is not found ({error})", advice)


def _check_device(report: dict[str, Any]) -> Check:
    device = report.get("device")
    if device is None:
        return Check("device", "warn", "unknown, torch does not import")
    if device["gpus"]:
        return Check("device", "ok", f"{len(device['gpus'])} GPU: {', '.join(device['gpus'])}")
    if device["mps"]:
        return Check("device", "ok", "Apple GPU; train with -device mps")
    found = f"CPU only, {device['threads']} thread{'s' * (device['threads'] != 1)}"
    if device["cuda_build"]:
        return Check("device", "warn", found, "torch has GPU support but sees none: is the driver installed?")
    return Check(
        "device",
        "warn",
        found,
        "train with -device cpu, or install a GPU build of torch (docs/installation.md)",
    )


def _check_folder(variable: str, environment: Mapping[str, str], *, needed_for_training: bool) -> Check:
    bad = "fail" if needed_for_training else "warn"
    value = environment.get(variable)
    if not value:
        return Check(
            variable, bad, "not set", f"export {variable}=/a/folder/with/room (docs/installation.md)"
        )
    folder = Path(value)
    if not folder.is_dir():
        if value.startswith("~"):  # mkdir would make another folder, for the shell expands it
            whole = folder.expanduser()
            return Check(
                variable,
                bad,
                f"{value} is no folder: a ~ in quotes is not expanded",
                f"export {variable}={whole}",
            )
        return Check(variable, bad, f"{value} is no folder", f"mkdir -p {value}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check(variable, bad, f"{value} is not writable", "choose another folder or change its owner")
    return Check(variable, "ok", value)
