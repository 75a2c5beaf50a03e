"""Say which values of a label file are lesion, which are another class, and which do not count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnunet_multiphase.errors import InputError, printable
from nnunet_multiphase.json_file import load_json

LESION = "lesion"
LIVER = "liver"

LESION_WORDS = ("lesion", "tumor", "tumour", "cancer", "metasta", "hcc", "carcinoma")
"""What a class that is lesion is called."""
ORGAN_WORDS = ("liver", "vessel", "organ", "body")
BOTH_WORDS = re.compile(r"(?<![a-z])(and|with|without|non|no|whole|incl|including|minus|free)(?![a-z])|[+&]")
"""In a class's name: it is not the lesion alone, whatever else the name says."""


@dataclass(frozen=True)
class LabelClasses:
    """Hold what the values of a label file mean; 0 is background.

    Attributes:
        lesion: Values that are lesion.
        others: Values of every other class by its name, such as liver: (1, 2) for a liver that lesions are a part of.
        ignore: Value of voxels that count for nothing; None: there is none.
        further: Values that may occur and belong to no class.
    """

    lesion: tuple[int, ...] = (1,)
    others: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ignore: int | None = None
    further: tuple[int, ...] = ()

    @property
    def known(self) -> set[int]:
        """Give the values that may occur, background and the ignored ones included."""
        values = {0, *self.lesion, *self.further, *(v for values in self.others.values() for v in values)}
        return values if self.ignore is None else {*values, self.ignore}

    @property
    def passed_over(self) -> dict[str, tuple[int, ...]]:
        """Give the classes that are found but neither lesion nor an organ, such as a cyst beside tumours."""
        return {
            name: values
            for name, values in self.others.items()
            if not _is_organ(name) and not set(values) & set(self.lesion)
        }

    def described(self) -> str:
        """Say which value is what, for a message."""
        parts = [
            f"{name} {_numbers(values)}" for name, values in {LESION: self.lesion, **self.others}.items()
        ]
        return ", ".join(parts + ([] if self.ignore is None else [f"ignore {self.ignore}"]))


def classes_of_record(
    record: Mapping[str, Any], where: object, lesion_labels: Sequence[int] | None = None
) -> LabelClasses:
    """Read which label is which from nnU-Net's dataset.json.

    Args:
        record: Its content, with `labels`: name -> value or, for a region, values; older files have it the other way round.
        where: What to call it in a message.
        lesion_labels: Values that are lesion; None: the class whose name says so.

    Returns:
        The classes; where several are lesions, they count together and each on its own.

    Raises:
        InputError: No class is called lesion or tumour, or `lesion_labels` are unknown there.
    """
    told = record.get("labels")
    if not isinstance(told, Mapping):
        raise InputError(
            f"{where} does not say which labels there are: expected `labels`, a name for each value"
        )
    labels: dict[str, tuple[int, ...]] = {}
    ignore = None
    for name, value in told.items():
        if str(name).strip().isdecimal():  # the Medical Segmentation Decathlon's form: "1": "liver"
            name, value = str(value), int(name)
        values = _values_of(name, value, where)
        if name == "ignore":
            ignore = values[0]
        elif values != (0,):
            shown = printable(str(name))  # on terminals
            # Only in the Decathlon's form can a name stand twice; the earlier value belongs to the class as well.
            labels[shown] = tuple(sorted({*labels.get(shown, ()), *values}))
    known = {value for values in labels.values() for value in values}
    said = ", ".join(f"{name} {_numbers(values)}" for name, values in labels.items()) or "no class"
    if lesion_labels is not None:
        if not set(lesion_labels) <= known:
            raise InputError(
                f"--lesion-labels {_numbers(lesion_labels)}: {where} knows {said}; correct the option"
            )
        lesion = tuple(sorted(set(lesion_labels)))
    else:
        named = [values for name, values in labels.items() if _is_lesion(name)]
        if not named and len(labels) == 1 and not _is_organ(next(iter(labels))):
            named = list(labels.values())  # whatever it is called: there is nothing else to find
        if not named:
            raise InputError(
                f"{where} names no class lesion or tumour (it has {said}); say which labels are lesion with --lesion-labels"
            )
        lesion = tuple(sorted({value for values in named for value in values}))
    others = {name: values for name, values in labels.items() if values != lesion}
    return LabelClasses(lesion, others, ignore)


def organs_among(
    record: Mapping[str, Any], where: object, lesion: Sequence[int]
) -> dict[str, tuple[int, ...]]:
    """Find labels said to be lesion that only an organ's class holds.

    Args:
        record, where: As `classes_of_record` takes them.
        lesion: Values that count as lesion.

    Returns:
        Organ -> those of its values; empty where each is in some other class, too, as of a liver that lesions are a part of.
    """
    classes = classes_of_record(record, where, ()).others
    organs = {name for name in classes if _is_organ(name) and not _is_lesion(name)}
    elsewhere = {v for name, values in classes.items() if name not in organs for v in values}
    found = {name: tuple(v for v in classes[name] if v in lesion and v not in elsewhere) for name in organs}
    return {name: found[name] for name in classes if found.get(name)}


def _values_of(name: str, value: object, where: object) -> tuple[int, ...]:
    """Read the values of a class: one, or several of a region."""
    values = value if isinstance(value, list | tuple) else [value]
    if not values or not all(re.fullmatch(r"\d{1,9}", str(v)) for v in values):
        raise InputError(
            f"{where} gives the class {name} the labels {str(value)[:60]}: expected a whole number from 0 on, or a list of "
            "them; correct it"
        )
    return tuple(sorted({int(str(v)) for v in values}))


def refuse_lost_labels(record: Mapping[str, Any], where: object) -> None:
    """Refuse regions that are written over one another so that a label which they should give never comes.

    Args:
        record: The content of dataset.json.
        where: What to call it in a message.

    Raises:
        InputError: It names the label, what becomes of its voxels, and an order that keeps it where there is one.
    """
    told = told_of_lost_labels(record)
    if told:
        raise InputError(f"{where}: {told}")


def told_of_lost_labels(record: Mapping[str, Any]) -> str:
    """Say which label nnU-Net's `regions_class_order` never gives, though the network were always right.

    nnU-Net writes the n-th number of `regions_class_order` wherever the n-th region of `labels` is found, each over those
    before it.

    Returns:
        What is lost and what to do; empty where there are no regions, or nothing is lost.
    """
    regions, order = regions_of_record(record), record.get("regions_class_order")
    if not regions:
        return ""
    if not isinstance(order, list | tuple) or len(order) != len(regions):
        return f"regions_class_order is {str(order)[:60]}: expected one number for each of the regions {', '.join(regions)}"
    problem = _lost_label(regions, order)
    if not problem:
        return ""
    # Of a region, what none of the later ones holds.
    sets = list(regions.values())
    own = [sorted(set(values).difference(*sets[n + 1 :])) for n, values in enumerate(sets)]
    better = [values[0] for values in own if values]
    remedy = (
        f"set it to {better}"
        if len(better) == len(sets) and not _lost_label(regions, better)
        else "name larger regions before those within them in `labels`, each with a label in regions_class_order that no "
        "later region holds (a model that was trained with another order of `labels` must be trained anew)"
    )
    return f"{problem}: {remedy}"


def regions_of_record(record: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Give nnU-Net's regions, each with its labels, as the network's outputs are ordered; none where labels are plain."""
    labels = record.get("labels")
    if not isinstance(labels, Mapping) or not any(
        isinstance(of, list | tuple) and len(of) > 1 for of in labels.values()
    ):
        return {}
    try:
        given = {
            str(name): tuple(int(value) for value in (of if isinstance(of, list | tuple) else [of]))
            for name, of in labels.items()
            if name != "ignore"
        }
    except (TypeError, ValueError):
        return {}  # `classes_of_record` names it
    return {name: values for name, values in given.items() if set(values) != {0}}


def _lost_label(regions: Mapping[str, Sequence[int]], order: Sequence[Any]) -> str:
    """Say which label is lost; empty where none is."""
    told = f"regions_class_order {list(order)} for the regions {', '.join(regions)}"
    for (name, values), written in zip(regions.items(), order, strict=True):
        if written not in values:
            return f"{told} writes {written!r} where {name} ({_numbers(values)}) is found"
    for value in dict.fromkeys(order):
        if list(order).count(value) > 1:
            same = [name for name, written in zip(regions, order, strict=True) if written == value]
            return f"{told} writes {value} for {' and '.join(same)}, which nobody could tell apart"
        *_, last = [
            written for values, written in zip(regions.values(), order, strict=True) if value in values
        ]
        if last != value:
            named = next(name for name, written in zip(regions, order, strict=True) if written == value)
            return f"{told} never gives {value} ({named}): a later region writes {last} over it"
    return ""


def read_record(*folders: Path) -> tuple[Path, dict[str, Any]] | None:
    """Read the first dataset.json that says what labels are; None where no folder has one.

    Raises:
        InputError: There is one that cannot be read.
    """
    for folder in folders:
        path = folder / "dataset.json"
        if not path.is_file():
            continue
        try:
            record = load_json(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}): restore it, or move it away") from error
        if isinstance(record, dict) and isinstance(record.get("labels"), dict) and record["labels"]:
            return path, record
    return None


def whole_numbers(values: np.ndarray, what: object) -> np.ndarray:
    """Give label values as integers.

    Args:
        values: As read from a file.
        what: What to call it in a message.

    Raises:
        InputError: Values are not whole, not finite, or negative.
    """
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all():
            raise InputError(
                f"{what} holds values that are not numbers (NaN or infinite): expected labels 0, 1, 2 ..."
            )
        whole = np.rint(values)
        # Headers with a scale factor make 0.99999994 of 1.
        if (np.abs(values - whole) > 1e-4).any():
            odd = np.unique(values[np.abs(values - whole) > 1e-4])
            raise InputError(
                f"{what} is no label file: expected whole numbers, found {odd[0]:.3g} and others from {values.min():.3g} to "
                f"{values.max():.3g}, as of probabilities; write labels, such as 1 above 0.5"
            )
        values = whole.astype(np.int64)
    if values.size and values.min() < 0:
        raise InputError(
            f"{what} is no label file: expected 0 and above, found {values.min()}; write labels 0, 1, 2 ..."
        )
    # The smallest type: numpy sorts a large volume of 8 or 16 bits many times faster.
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def _is_lesion(name: str) -> bool:
    plain = name.lower().replace("_", " ")
    return any(word in plain for word in LESION_WORDS) and not BOTH_WORDS.search(plain)


def _is_organ(name: str) -> bool:
    return any(word in name.lower() for word in ORGAN_WORDS)


def _numbers(values: Iterable[int]) -> str:
    return " ".join(map(str, sorted(values)))
