"""Write a benchmark as plain commands of nnU-Net, for who would rather type them, or a cluster of one's own."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from nnunet_multiphase.benchmark.contestants import REGISTERED, Contestant
from nnunet_multiphase.benchmark.layout import Training
from nnunet_multiphase.benchmark.place import Place, given_place, own_place
from nnunet_multiphase.benchmark.planning import has_second_name, plan_line, preprocess_line
from nnunet_multiphase.benchmark.prepare import choose
from nnunet_multiphase.benchmark.settings import BenchmarkSettings
from nnunet_multiphase.errors import InputError

TRAINER_SUFFIXES: dict[int, str] = {
    1: "_1epoch",
    **{epochs: f"_{epochs}epochs" for epochs in (5, 10, 20, 50, 100, 250, 500)},
    1000: "",
}
"""Epochs -> what names nnU-Net's trainer of so many, and ours."""
STEPS = (250, 50)
"""Training and validation steps of an epoch, in all of them."""
ENDING = ".nii.gz"
"""Of the predictions that are compared (`layout.prediction_file`)."""


def nnunet_commands(
    work: Path,
    settings: BenchmarkSettings,
    *,
    typed: Sequence[str],
    jobs: int = 1,
    against: str | None = None,
) -> list[str]:
    """List the lines of a shell script.

    Args:
        work: The benchmark's folder; nothing is written there.
        settings: What to compare.
        typed: This very command, by which the datasets are made that nnU-Net cannot make, and truth and plan are written.
        jobs: Processes for preprocessing.
        against: The contestant that the others are compared with; None: the first.

    Raises:
        InputError: nnU-Net has no trainer of this budget, or writes other files than are compared, or see `prepare.choose`.
    """
    chosen = choose(settings)
    suffix = TRAINER_SUFFIXES.get(settings.budget.epochs or 0)
    if suffix is None or (settings.iterations, settings.val_iterations) != STEPS:
        raise InputError(
            f"--print-commands: nnU-Net has trainers of {', '.join(map(str, TRAINER_SUFFIXES))} epochs alone, with "
            f"{STEPS[0]} training and {STEPS[1]} validation steps each; give such a "
            "--budget epochs=N, and leave --iterations and --val-iterations out"
        )
    if settings.dataset is not None:
        _refuse_other_files(given_place(settings.dataset))
    work = work.absolute()
    lines = []
    prepare = shlex.join([*typed, "--only", "prepare"])
    if settings.cohort is not None or any(contestant.dataset != REGISTERED for contestant in chosen):
        lines += [
            "# datasets, plans, preprocessed cases, and what the predictions are compared with",
            prepare,
        ]
    else:
        lines += ["# plans and preprocessed cases", *_exports(_place(work, chosen[0], settings))]
        for contestant in chosen:
            place = _place(work, contestant, settings)
            configuration = settings.configuration
            lines.append(
                shlex.join(plan_line(place, contestant, configuration, settings.gpu_memory_gb, jobs))
            )
            if not has_second_name(place, contestant, configuration):
                lines.append(shlex.join(preprocess_line(place, contestant, configuration, jobs)))
        # Before the trainings: a folder that holds other things is none to begin a benchmark in.
        lines += ["", "# what the predictions are compared with", prepare]
    for contestant in chosen:
        for seed in settings.seeds:
            for fold in settings.folds:
                lines += _training(work, contestant, settings, Training(contestant.name, seed, fold), suffix)
    lines += ["", "# compare", evaluate_line(work, typed, against)]
    return lines


def _refuse_other_files(given: Place) -> None:
    """Refuse a dataset of which nnU-Net's commands write predictions that nobody compares."""
    ending = given.record["file_ending"]
    if ending != ENDING:
        raise InputError(
            f"--print-commands: {given.dataset} has files of {ending}, as nnU-Net's predictions would be, and what is "
            f"compared is {ENDING}; run the benchmark itself, which writes it"
        )


def evaluate_line(work: Path, typed: Sequence[str], against: str | None) -> str:
    """Write the command that compares what the others have made."""
    named = [] if against is None else ["--against", against]
    return shlex.join([*typed[:2], "-o", str(work.absolute()), "--evaluate-only", *named])


def _training(
    work: Path, contestant: Contestant, settings: BenchmarkSettings, training: Training, suffix: str
) -> list[str]:
    place, configuration, fold = (
        _place(work, contestant, settings),
        settings.configuration,
        str(training.fold),
    )
    results = work / training.folder.parent / "nnUNet_results"
    trainer = f"{contestant.trainer}{suffix}"
    model = results / place.dataset / f"{trainer}__{contestant.plans}__{configuration}"
    predictions = str(work / training.predictions)
    asked = ["-tr", trainer, "-p", contestant.plans, "-device", settings.device]
    train = ["nnUNetv2_train", str(place.number), configuration, fold, *asked]
    predict = [
        *("nnUNetv2_predict", "-d", str(place.number), "-c", configuration, "-f", fold, *asked),
        *("-i", str(place.raw / "imagesTs"), "-o", predictions),
        *([] if settings.mirroring else ["--disable_tta"]),
        *(
            []
            if settings.step_size == BenchmarkSettings.step_size
            else ["-step_size", f"{settings.step_size:g}"]
        ),
    ]
    validation = shlex.quote(str(model / f"fold_{fold}" / "validation"))
    return [
        "",
        f"# {training}"
        + (": nnU-Net's command takes no seed, each run draws its own" if training.seed else ""),
        *_exports(place),
        f"export nnUNet_results={shlex.quote(str(results))}",
        shlex.join(train),
        shlex.join(["mkdir", "-p", predictions]),
        f"cp {validation}/*.nii.gz {shlex.quote(predictions)}",
        shlex.join(predict),
    ]


def _exports(place: Place) -> list[str]:
    return [f"export {name}={shlex.quote(folder)}" for name, folder in place.environment.items()]


def _place(work: Path, contestant: Contestant, settings: BenchmarkSettings) -> Place:
    if settings.dataset is not None and contestant.dataset == REGISTERED:
        return given_place(settings.dataset)
    return own_place(work, contestant.dataset)
