"""Plan and preprocess a dataset for a contestant, with nnU-Net's own commands, unless that is done."""

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.child import run_nnunet
from nnunet_multiphase.benchmark.contestants import Contestant
from nnunet_multiphase.benchmark.place import Place
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json, load_object

READ_BY_PREPROCESSING = (
    "preprocessor_name",
    "spacing",
    "normalization_schemes",
    "use_mask_for_norm",
    "resampling_fn_data",
    "resampling_fn_seg",
    "resampling_fn_data_kwargs",
    "resampling_fn_seg_kwargs",
)
READ_OF_ALL_PLANS = (
    "image_reader_writer",
    "transpose_forward",
    "transpose_backward",
    "foreground_intensity_properties_per_channel",
)
REPLAN = "remove it and plan the dataset again"


def plan_line(
    place: Place, contestant: Contestant, configuration: str, gpu_memory_gb: float | None, jobs: int
) -> list[str]:
    """Write nnU-Net's command that plans, and measures the dataset where that is not done."""
    memory = [] if gpu_memory_gb is None else ["-gpu_memory_target", f"{gpu_memory_gb:g}"]
    return [
        *("nnUNetv2_plan_and_preprocess", "-d", str(place.number), "-pl", contestant.planner),
        *("-c", configuration, "-npfp", str(jobs), "--no_pp", *memory),
    ]


def preprocess_line(place: Place, contestant: Contestant, configuration: str, jobs: int) -> list[str]:
    """Write nnU-Net's command that preprocesses."""
    return [
        *("nnUNetv2_preprocess", "-d", str(place.number), "-plans_name", contestant.plans),
        *("-c", configuration, "-np", str(jobs)),
    ]


def plan_and_preprocess(
    place: Place,
    contestant: Contestant,
    configuration: str,
    *,
    gpu_memory_gb: float | None,
    jobs: int,
    logs: Path,
    say: Callable[[str], None],
) -> None:
    """Do what is not done yet.

    Preprocessed cases of other plans that ask for the very same are used as they are: folder and all get a second name.

    Args:
        place: The dataset.
        contestant: Whose plans.
        configuration: nnU-Net's.
        gpu_memory_gb: What a network may take when it is planned; None: the planner's own. For new plans alone.
        jobs: Processes.
        logs: Receives nnU-Net's words.
        say: Told what happens.

    Raises:
        InputError: nnU-Net's command failed, or the configuration is none that can be benchmarked.
    """
    what = f"{contestant.planner} on {place.dataset}"
    plans_file = place.preprocessed / f"{contestant.plans}.json"
    log = logs / f"{place.dataset}_{contestant.plans}"
    for file in (plans_file, place.preprocessed / "dataset_fingerprint.json"):
        _remove_half(file)
    if not plans_file.is_file():
        line = plan_line(place, contestant, configuration, gpu_memory_gb, jobs)
        say(" ".join(line))
        run_nnunet(line, log.with_suffix(".plan.log"), place.environment, f"planning by {what}")
    data = preprocessed_folder(place, contestant.plans, configuration)
    if is_preprocessed(place, data):
        return
    twin = _twin(place, contestant.plans, configuration)
    if twin is not None and not data.exists() and _second_name(twin, data):
        say(f"{data.name}: the same as {twin.name}")
        return
    line = preprocess_line(place, contestant, configuration, jobs)
    say(" ".join(line))
    run_nnunet(line, log.with_suffix(".preprocess.log"), place.environment, f"preprocessing for {what}")
    if not is_preprocessed(place, data):
        raise InputError(f"{data} lacks cases after preprocessing; see {log.with_suffix('.preprocess.log')}")


def preprocessed_folder(place: Place, plans: str, configuration: str) -> Path:
    """Name the folder of preprocessed cases.

    Raises:
        InputError: The plans do not have the configuration, or it is a cascade's second stage.
    """
    return place.preprocessed / str(_configuration(place, plans, configuration)["data_identifier"])


def has_second_name(place: Place, contestant: Contestant, configuration: str) -> bool:
    """Tell whether a contestant's preprocessed cases are another's: nnU-Net refuses to preprocess into a link."""
    planned = (place.preprocessed / f"{contestant.plans}.json").is_file()
    return planned and preprocessed_folder(place, contestant.plans, configuration).is_symlink()


def is_preprocessed(place: Place, data: Path) -> bool:
    """Tell whether a folder holds every training case; a case's .pkl is written last, and may be cut off by a kill."""
    return all(_is_whole_pickle(data / f"{case}.pkl") for case in place.labels("Tr"))


def _is_whole_pickle(path: Path) -> bool:
    """Tell whether a pickle is there to its end; nothing of it is loaded."""
    try:
        with path.open("rb") as stream:
            return any(code.name == "STOP" for code, _, _ in pickletools.genops(stream))
    except (OSError, ValueError):
        return False


def _remove_half(path: Path) -> None:
    """Remove what nnU-Net was writing when it was killed: it takes what is there for whole, and ends with a traceback."""
    if not path.is_file():
        return
    try:
        load_json(path)
    except ValueError:
        path.unlink()


def _configuration(place: Place, plans: str, name: str) -> dict[str, Any]:
    """Read a configuration with all that it inherits."""
    plans_file = place.preprocessed / f"{plans}.json"
    configurations: dict[str, Any] = load_object(plans_file, REPLAN).get("configurations") or {}
    if name not in configurations:
        raise InputError(
            f"{plans_file} has no configuration {name}, only {', '.join(configurations)}; name one of them with -c"
        )
    plan: dict[str, Any] = configurations[name]
    while "inherits_from" in plan:
        plan = {
            **configurations[plan["inherits_from"]],
            **{k: v for k, v in plan.items() if k != "inherits_from"},
        }
    if plan.get("previous_stage"):
        raise InputError(f"{name} is a cascade's second stage; benchmark 3d_fullres instead")
    return plan


def _twin(place: Place, plans: str, configuration: str) -> Path | None:
    """Find preprocessed cases of other plans that were made in the very same way."""
    wanted = _asked_of_preprocessing(place, plans, configuration)
    for file in sorted(place.preprocessed.glob("*Plans.json")):
        content = load_object(file, REPLAN)
        if file.stem == plans or configuration not in content.get("configurations", {}):
            continue
        data = preprocessed_folder(place, file.stem, configuration)
        if is_preprocessed(place, data) and wanted == _asked_of_preprocessing(
            place, file.stem, configuration
        ):
            return data
    return None


def _asked_of_preprocessing(place: Place, plans: str, configuration: str) -> dict[str, Any]:
    content = load_object(place.preprocessed / f"{plans}.json", REPLAN)
    plan = _configuration(place, plans, configuration)
    return {k: content.get(k) for k in READ_OF_ALL_PLANS} | {k: plan.get(k) for k in READ_BY_PREPROCESSING}


def _second_name(folder: Path, name: Path) -> bool:
    """Link a folder beside it; False where the system has no such links."""
    try:
        name.symlink_to(folder.resolve().name, target_is_directory=True)
    except OSError:
        return False
    return True
