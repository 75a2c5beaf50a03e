"""Say in Python's words what a refusal says in those of the command line: `missing='fill'` for `--missing fill`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from nnunet_multiphase.errors import CohortError, InputError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

Words = str | Callable[[re.Match[str]], str]

_NUMBERS = r"((?:\d+|all)(?: (?:\d+|all))*)\b"
_WORDS: tuple[tuple[str, Words], ...] = (
    # With what is given to an option, then the option alone.
    (r"--missing (error|skip|fill)\b", r"missing='\1'"),
    (r"--(runtime|device) ((?!with\b|if\b)\w+(?::\d+)?)", r"\1='\2'"),
    (r"--accept ([a-z]+-?[a-z]*)\b", r"accept=['\1']"),
    (rf"-f {_NUMBERS}", lambda found: f"folds=[{', '.join(map(_fold, found[1].split()))}]"),
    (rf"--lesion-labels {_NUMBERS}", lambda found: f"lesion_labels=[{', '.join(found[1].split())}]"),
    (r"-c (3d_fullres|2d)\b", r"configuration='\1'"),
    (r"pass -m MODEL_FOLDER", "give the folder of a model"),
    (r"correct -m\b", "correct the path"),
    (r"-tr, -p and -c\b", "trainer, plans and configuration"),
    (r"--(overwrite|partial|everywhere|all-grids)\b", lambda found: f"{_argument(found[1])}=True"),
    (r"--trust-model\b", "trusted=True"),
    (r"--no-mask skip\b", "inputs=Inputs(masks=MaskRule(absent='skip'))"),
    (r"--several-masks (merge|reference)\b", r"inputs=Inputs(masks=MaskRule(several='\1'))"),
    (
        r"--(dataset-id|name|missing|runtime|device|checkpoint|jobs|dask-scheduler|reference|lesion-labels|accept)\b",
        lambda found: _argument(found[1]),
    ),
    # What a function has no argument for.
    (r"--(prediction-lesion-labels|ignore-label)\b", r"`nnunet-multiphase evaluate`'s --\1"),
    (r"-f\b", "folds"),
    (r"-o\b(?! [A-Z])", "output"),
    (r"the same command goes", "the same call goes"),
)
_TABLE = tuple((re.compile(rf"(?<![\w-])(?<!setup's ){pattern}"), words) for pattern, words in _WORDS)


def _argument(option: str) -> str:
    return option.replace("-", "_")


def _fold(fold: str) -> str:
    return fold if fold.isdecimal() else repr(fold)


def in_python(text: str) -> str:
    """Name the arguments that stand for a sentence's options; commands within `...` stay as they are.

    >>> in_python("add the file or pass --missing fill, or name another with -o")
    "add the file or pass missing='fill', or name another with output"
    >>> in_python("make one with `nnunet-multiphase export MODEL -o DIR`")
    'make one with `nnunet-multiphase export MODEL -o DIR`'
    """
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        for pattern, words in _TABLE:
            parts[i] = pattern.sub(words, parts[i])
    return "`".join(parts)


def told_in_python(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a public function refuse in the words of whoever calls it."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except InputError as error:
            if isinstance(error, CohortError):
                error.problems = tuple(map(in_python, error.problems))
            error.args = tuple(in_python(arg) if isinstance(arg, str) else arg for arg in error.args)
            raise

    return call
