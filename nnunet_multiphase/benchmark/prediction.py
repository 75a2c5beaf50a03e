"""Predict a benchmark's validation and test cases with nnU-Net's own predictor, timed, and score them."""

import contextlib
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.settings import BenchmarkSettings, Model
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.case_files import find_images
from nnunet_multiphase.evaluation.files import write_json
from nnunet_multiphase.evaluation.folders import evaluate_pairs
from nnunet_multiphase.evaluation.label_choice import BothClasses
from nnunet_multiphase.evaluation.scores import Scores, write_scores
from nnunet_multiphase.label_classes import classes_of_record


def validation_cases(
    raw: Path, preprocessed: Path, settings: BenchmarkSettings
) -> dict[int, dict[str, list[str]]]:
    """Return fold -> case -> channel files; the splits are there once a training has begun."""
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    files = get_filenames_of_train_images_and_targets(str(raw))
    splits = json.loads((preprocessed / "splits_final.json").read_text())
    return {f: {c: list(files[c]["images"]) for c in splits[f]["val"]} for f in settings.folds}


def test_cases(raw: Path) -> dict[str, list[str]]:
    """Return case -> channel files of the test cases whose truth is known; empty without labelsTs."""
    if not (raw / "labelsTs").is_dir() or not any((raw / "labelsTs").iterdir()):
        return {}
    cases = {}
    for case in find_images(raw / "labelsTs"):
        cases[case] = [str(path) for path in sorted((raw / "imagesTs").glob(f"{case}_????.*"))]
        if not cases[case]:
            raise InputError(f"case {case} has a label file in {raw / 'labelsTs'} but no images in imagesTs")
    return cases


def predict_model(
    output: Path,
    settings: BenchmarkSettings,
    model: Model,
    model_folder: Path,
    validation: Mapping[int, Mapping[str, list[str]]],
    test: Mapping[str, list[str]],
) -> dict[str, Any]:
    """Predict validation cases with their own fold's network, test cases with all folds' together.

    Returns:
        Counts of the network (parameters, GMACs of one patch, the patch) and the seconds of every validation
        case with one fold's network, from raw files to the written segmentation.
    """
    record, log = output / "records" / f"{model.trainer}_inference.json", output / "logs" / "inference.log"
    if record.is_file():
        return json.loads(record.read_text())
    folder = output / "predictions" / model.trainer
    seconds: dict[str, float] = {}
    # nnU-Net prints while it predicts; the table is what belongs on the terminal.
    with log.open("a") as file, contextlib.redirect_stdout(file):
        for fold, cases in validation.items():
            predictor = _predictor(model_folder, [fold], settings)
            seconds |= _predict(predictor, cases, folder / "validation")
        if test:
            predictor = _predictor(model_folder, list(validation), settings)
            _predict(predictor, test, folder / "test")
        content = {
            **_complexity(predictor),
            "inference_seconds": seconds,
            # The first case warms up; the median needs no rule of its own to leave it out.
            "inference_seconds_per_case": statistics.median(seconds.values()),
        }
    write_json(record, content)
    return content


def score_model(output: Path, model: Model, raw: Path, validation: Iterable[str]) -> dict[str, Scores]:
    """Score a model's predictions: part ("validation", and "test" where there are test cases) -> scores."""
    scores = {}
    record = raw / "dataset.json"
    known = classes_of_record(json.loads(record.read_text(encoding="utf-8")), record)
    classes = BothClasses(known, known, str(record))
    for part, cases, labels in (
        ("validation", list(validation), "labelsTr"),
        ("test", list(test_cases(raw)), "labelsTs"),
    ):
        if cases:
            truths = find_images(raw / labels)
            predictions = find_images(output / "predictions" / model.trainer / part)
            pairs = {case: (predictions[case], truths[case]) for case in cases}
            scores[part] = evaluate_pairs(pairs, classes=classes)
            write_scores(scores[part], output / "scores" / model.trainer / part)
    return scores


def _predictor(model_folder: Path, folds: Sequence[int], settings: BenchmarkSettings) -> Any:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from nnunet_multiphase.autoload import register

    register()
    predictor = nnUNetPredictor(
        use_mirroring=settings.mirroring,
        perform_everything_on_device=settings.device == "cuda",
        device=torch.device(settings.device),
        allow_tqdm=False,
    )
    predictor.initialize_from_trained_model_folder(
        str(model_folder), tuple(folds), checkpoint_name="checkpoint_final.pth"
    )
    return predictor


def _predict(predictor: Any, cases: Mapping[str, list[str]], folder: Path) -> dict[str, float]:
    folder.mkdir(parents=True, exist_ok=True)
    seconds = {}
    for case, images in cases.items():
        began = time.perf_counter()
        predictor.predict_from_files_sequential([images], [str(folder / case)])
        seconds[case] = time.perf_counter() - began
    return seconds


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
        "gmacs": count_gmacs(network, (1, channels, *patch)),
        "patch": patch,
        "spacing_mm": [float(s) for s in plan.spacing],
    }
