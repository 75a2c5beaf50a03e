"""Refuse a split by which a network would be judged by what it was trained on, or by cases that are not there."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from nnunet_multiphase.benchmark.layout import Plan
from nnunet_multiphase.errors import InputError, first_of


def refuse_wrong_folds(
    file: Path,
    splits: Sequence[Mapping[str, Sequence[str]]],
    folds: Iterable[int],
    *,
    training: Collection[str],
    test: Collection[str],
    patients: Mapping[str, str],
) -> None:
    """Refuse folds that cannot be trained, or that judge a network by patients that it knows.

    Args:
        file: Where the split is written, for the message.
        splits: Its folds.
        folds: Those that are asked for; nobody is judged by the others.
        training: The dataset's training cases.
        test: Its test cases.
        patients: Case -> patient; of a case that is not in it nobody knows more than its name.

    Raises:
        InputError: Of the first fold with something wrong.
    """
    for fold in folds:
        problem = _problem(splits[fold]["train"], splits[fold]["val"], training, test, patients)
        if problem:
            raise InputError(f"{file}, fold {fold}: {problem}")


def refuse_split_patients(plan: Plan) -> None:
    """Refuse folds that share a patient among the cases that they are judged by.

    Raises:
        InputError: Of the first such patient.
    """
    fold_of: dict[str, int] = {}
    for fold, cases in zip(plan.folds, plan.validation_cases, strict=True):
        for case in cases:
            patient = plan.patients.get(case, case)
            if fold_of.setdefault(patient, fold) != fold:
                raise InputError(
                    f"patient {patient} has validation cases in folds {fold_of[patient]} and {fold}, so each fold's network "
                    "was trained on a patient that it is judged by; keep a patient's cases in one fold of splits_final.json"
                )


def _problem(
    train: Sequence[str],
    val: Sequence[str],
    training: Collection[str],
    test: Collection[str],
    patients: Mapping[str, str],
) -> str:
    """Say what is wrong with a fold, and what to do; the empty text if nothing is."""
    if not train:
        return "train names no case; name those that the network is to learn from"
    if not val and not test:
        return "val names no case, and the dataset has no test cases: there is nothing to judge; name some"
    for part, cases in (("train", train), ("val", val)):
        unknown = [case for case in cases if case not in training]
        if unknown:
            also = ", but a test case" if unknown[0] in test else ""
            return (
                f"{_are(unknown)} no training case{'s' * (len(unknown) > 1)} of the dataset{also} ({part}); correct the "
                "names, which are those in labelsTr without the ending"
            )
        twice = [case for case, times in Counter(cases).items() if times > 1]
        if twice:
            return f"{part} names {first_of(twice)} twice; name each case once"
    learnt = {patients.get(case, case): case for case in reversed(train)}
    both = sorted({*train} & {*val})
    if both:
        return (
            f"{_are(both)} in train and in val, so that the network would be judged by what it was trained on; keep each "
            "case in one of them"
        )
    for part, judged in (("in val", val), ("among the test cases", test)):
        for case in judged:
            patient = patients.get(case, case)
            if patient in learnt:
                return (
                    f"patient {patient} is in train ({learnt[patient]}) and {part} ({case}), so that the network would be "
                    "judged by a patient that it was trained on; keep a patient's cases together"
                )
    return ""


def _are(cases: Sequence[str]) -> str:
    return f"{first_of(cases)} {'are' if len(cases) > 1 else 'is'}"
