"""Train nnU-Net's own network and ours on the same folds with the same budget, predict, score, compare."""

import math
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.prediction import (
    predict_model,
    score_model,
    test_cases,
    validation_cases,
)
from nnunet_multiphase.benchmark.settings import (
    MODELS,
    BenchmarkSettings,
    Model,
    claim_folder,
    find_dataset,
)
from nnunet_multiphase.benchmark.training import train_model
from nnunet_multiphase.evaluation.comparison import PairedComparison, compare_paired
from nnunet_multiphase.evaluation.files import write_json
from nnunet_multiphase.evaluation.scores import Scores
from nnunet_multiphase.evaluation.tables import shown


@dataclass(frozen=True)
class ModelResult:
    """Hold one model's trainings (one dict a fold, see TrainingRecord), costs and scores."""

    model: Model
    trainings: list[dict[str, Any]]
    inference: dict[str, Any]
    scores: dict[str, Scores]


@dataclass(frozen=True)
class BenchmarkResult:
    """Hold everything measured: `comparisons` has part ("validation", "test") -> Dice of ours minus nnU-Net's."""

    settings: BenchmarkSettings
    dataset: str
    models: list[ModelResult]
    comparisons: dict[str, PairedComparison]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Lay out the one table: header, and a row a measure with a column a model."""
        rows: list[list[str]] = []
        for part in self.models[0].scores:
            sums = [m.scores[part].summary() for m in self.models]
            for label, key, decimals in SCORE_ROWS:
                rows.append([f"{part}: {label}", *(shown(s[key], decimals) for s in sums)])
        for label, measure in COST_ROWS:
            rows.append([label, *(measure(m) for m in self.models)])
        return ["", *(m.model.name for m in self.models)], rows


SCORE_ROWS = (
    ("Dice", "dice_mean", 3),
    ("HD95 mm", "hd95_mm_mean", 1),
    ("lesion sensitivity", "lesion_sensitivity", 2),
    ("lesion F1", "lesion_f1", 2),
    ("false positives per case", "false_positives_per_case", 2),
    ("volume error ml (mean absolute)", "volume_error_ml_mean_absolute", 2),
    ("cases", "cases", 0),
)


def _mean_of(key: str) -> Callable[[ModelResult], float]:
    return lambda m: statistics.fmean(math.nan if t[key] is None else t[key] for t in m.trainings)


COST_ROWS: tuple[tuple[str, Callable[[ModelResult], str]], ...] = (
    ("parameters (million)", lambda m: shown(m.inference["parameters"] / 1e6, 3)),
    ("patch (voxels)", lambda m: "x".join(map(str, m.inference["patch"]))),
    ("GMACs per patch", lambda m: shown(m.inference["gmacs"], 2)),
    ("training epochs", lambda m: ", ".join(str(t["epochs"]) for t in m.trainings)),
    ("seconds per step (median)", lambda m: shown(_mean_of("seconds_per_step")(m), 3)),
    ("seconds per training", lambda m: shown(_mean_of("seconds")(m), 0)),
    ("peak memory in training (MiB)", lambda m: shown(max(t["peak_memory_mb"] for t in m.trainings), 0)),
    ("inference seconds per case", lambda m: shown(m.inference["inference_seconds_per_case"], 2)),
)


def run_benchmark(
    output: Path | str, settings: BenchmarkSettings, *, say: Callable[[str], None] = print
) -> BenchmarkResult:
    """Train, predict and score both models; what is finished in `output` is not done again.

    Args:
        output: receives nnUNet_results, predictions, scores, records, logs, benchmark.json. The user's own
            results folder is never written to.
        settings: what to run. A folder begun with other settings is refused.
        say: told what happens.

    Raises:
        InputError: plans or preprocessed data are missing, a fold does not exist, `output` was begun with
            other settings, or a training failed.
    """
    output = Path(output).absolute()
    raw, preprocessed = find_dataset(settings)
    test = test_cases(raw)
    claim_folder(output, settings)
    models = []
    for model in MODELS:
        trainings = [train_model(output, settings, model, fold, say) for fold in settings.folds]
        folder = f"{model.trainer}__{model.plans}__{settings.configuration}"
        validation = validation_cases(raw, preprocessed, settings)
        names = [case for cases in validation.values() for case in cases]
        say(f"{model.name}: predicting {len(names)} validation and {len(test)} test cases")
        inference = predict_model(
            output, settings, model, output / "nnUNet_results" / raw.name / folder, validation, test
        )
        models.append(ModelResult(model, trainings, inference, score_model(output, model, raw, names)))
    vanilla, ours = (m.scores for m in models)
    comparisons = {part: compare_paired(ours[part], vanilla[part]) for part in ours}
    result = BenchmarkResult(settings, raw.name, models, comparisons)
    write_json(output / "benchmark.json", _as_json(result))
    return result


def _as_json(result: BenchmarkResult) -> dict[str, Any]:
    return {
        "dataset": result.dataset,
        "settings": asdict(result.settings),
        "models": {
            m.model.name: {
                "trainer": m.model.trainer,
                "plans": m.model.plans,
                "trainings": m.trainings,
                "inference": m.inference,
                "scores": {part: scores.summary() for part, scores in m.scores.items()},
            }
            for m in result.models
        },
        "dice_ours_minus_nnunet": {part: asdict(c) for part, c in result.comparisons.items()},
    }
