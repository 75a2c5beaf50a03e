"""Read the folds of nnU-Net's splits_final.json, and tell what in them does not fit a dataset's cases."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from nnunet_multiphase.errors import InputError, first_of
from nnunet_multiphase.json_file import load_json
from nnunet_multiphase.whole_file import whole_file

SPLITS = "splits_final.json"
NNUNETS_FOLDS = 5
Fold = dict[str, list[str]]
"""nnU-Net's record: {"train": cases, "val": cases}."""


def read_folds(path: Path) -> list[Fold]:
    """Read the folds of a splits_final.json.

    Raises:
        InputError: It is none.
    """
    try:
        folds: list[Fold] = load_json(path)
        if not isinstance(folds, list):
            raise ValueError("it is no list of folds")
        for cases in (fold[part] for fold in folds for part in ("train", "val")):
            if not isinstance(cases, list) or not all(isinstance(case, str) for case in cases):
                raise ValueError("a fold is no list of cases")
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): restore it, or set the dataset up again"
        ) from error
    return folds


def told_of_cases_without_fold(path: Path, folds: Sequence[Fold], cases: Collection[str]) -> str:
    """Say which training cases no fold holds, so that no training sees them; empty where all are held."""
    left = sorted(set(cases) - _held(folds))
    if not left:
        return ""
    return (
        f"{len(left)} of {len(cases)} training cases {_are(left)} in no fold of {path} ({first_of(left)}): no training "
        "but fold all learns from them, and none is validated on them; add them there, unless they are meant to stay out"
    )


def refuse_unknown_cases(path: Path, fold: Fold, preprocessed: Collection[str]) -> None:
    """Raise InputError where a fold names cases that were not preprocessed."""
    unknown = sorted(_held([fold]) - set(preprocessed))
    if unknown:
        raise InputError(
            f"{path} names {first_of(unknown)}, which {_are(unknown)} not among the {len(preprocessed)} preprocessed "
            "cases: correct the names there, or preprocess the dataset again"
        )


def refuse_fold_that_is_not_there(path: Path, folds: Sequence[Fold], fold: int) -> None:
    """Raise InputError for a fold beyond those of the file.

    nnU-Net would draw cases for it at random, without asking whose they are: cases of one patient would come to lie
    on both sides.
    """
    if fold >= len(folds):
        have = f"{len(folds)} folds (0 to {len(folds) - 1})" if len(folds) != 1 else "one fold (0)"
        raise InputError(
            f"fold {fold} is not in {path}, which has {have}: train one of these, or all; nnU-Net would draw cases at "
            "random, and could put a patient's cases on both sides"
        )


def told_of_own_folds(own: Path, given: Path, cases: Collection[str]) -> str:
    """Compare the folds that trainings use with those that came with the dataset, and say so where others are used.

    Args:
        own: splits_final.json of the preprocessed dataset, which nnU-Net lets users write, and which trainings read.
        given: That of the raw dataset.
        cases: The dataset's training cases.

    Returns:
        The sentence.

    Raises:
        InputError: `own` does not fit the cases, as where the dataset has grown or was made anew since: it may be meant,
            or forgotten.
    """
    folds, came = read_folds(own), read_folds(given)
    remedy = f"remove {own} to train with the folds of {given}, or write the folds that you want into both"
    unknown, missing = sorted(_held(folds) - set(cases)), sorted((set(cases) & _held(came)) - _held(folds))
    if unknown or missing:
        wrong = (
            f"the first names {first_of(unknown)}, which {_are(unknown)} not in the dataset"
            if unknown
            else f"the first lacks {first_of(missing)}"
        )
        raise InputError(
            f"{own} and {given} hold different folds, and {wrong}: has the dataset changed since? {remedy}"
        )
    return f"{own} holds other folds than {given}: trainings use the first; {remedy}"


def fetch_folds(own: Path, given: Path | None, cases: Collection[str]) -> str:
    """Put the folds of the raw dataset where trainings read them, as planning does, if none lie there any more.

    nnU-Net would draw five folds by case, which may put a patient's cases on both sides, where somebody removed the file to
    train with those of the raw dataset.

    Args:
        own: splits_final.json of the preprocessed dataset.
        given: That of the raw dataset; None: nobody says where that is.
        cases: The preprocessed ones.

    Returns:
        What was done; empty where `own` is there, or where nnU-Net has to draw folds.

    Raises:
        InputError: `given` cannot be read, or nnU-Net cannot draw five folds of so few cases.
    """
    if own.is_file():
        return ""
    if given is not None and given.is_file():
        read_folds(given)
        with whole_file(own) as partial:
            shutil.copyfile(given, partial)
        return f"{own} was not there: copied from {given}"
    if len(cases) < NNUNETS_FOLDS:
        raise InputError(
            f"{own} is not there, and the dataset has {len(cases)} preprocessed cases, too few for nnU-Net, which draws "
            'five folds: train fold all, or write your folds into that file, such as [{"train": ["case_1", "case_2"], '
            '"val": ["case_3"]}]'
        )
    return ""


def _held(folds: Sequence[Fold]) -> set[str]:
    return {case for fold in folds for part in ("train", "val") for case in fold[part]}


def _are(cases: Sequence[str]) -> str:
    return "are" if len(cases) > 1 else "is"
