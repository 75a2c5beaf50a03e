"""Say with which patterns and labels a dataset in nnU-Net's form, whoever made it, can be read as a cohort."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_multiphase.cases.near_miss import likeness
from nnunet_multiphase.errors import InputError, first_of, printable
from nnunet_multiphase.label_classes import LabelClasses, classes_of_record, read_record
from nnunet_multiphase.phase_record import channel_names
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.volume_file import volume_stem

_NO_CT = re.compile(
    r"(?<![a-z])(mri?|t[12][a-z]*|dwi|adc|flair|pet|pt|suv|us|ultrasound|x-?ray)(?![a-z])", re.IGNORECASE
)
_MOST_NAMED = 6
CHANNEL_NUMBER = re.compile(r"._(\d{4})$")
"""What nnU-Net puts behind a case's name, once the file's ending is off."""


def told_of_nnunet_form(raw: Path, expected: str) -> str:
    """Say that a cohort is a dataset in nnU-Net's form, and which options read it; the empty text: it is none.

    Args:
        raw: The cohort's folder.
        expected: What case folders hold.

    Returns:
        A clause to follow the folder's name.
    """
    if not (raw / "imagesTr").is_dir():
        return ""
    try:
        known = read_record(raw)
    except InputError:
        known = None  # what it says is not needed
    record = {} if known is None else known[1]
    told = channel_names(record)
    names = {str(n): str(name) for n, name in told.items()} if isinstance(told, Mapping) else {}
    if names and all(_NO_CT.search(name) for name in names.values()):
        return (
            "is a dataset in nnU-Net's form, whose dataset.json calls the channels "
            f"{first_of([printable(name) for name in names.values()])}: expected CT, which this package is made for"
        )
    images = volumes_in(raw / "imagesTr")
    ending = images[0].name[len(volume_stem(images[0]) or "") :] if images else ".nii.gz"
    stems = {volume_stem(path) or "" for path in images}
    cases = {volume_stem(path) for path in volumes_in(raw / "labelsTr")}
    # As the Medical Segmentation Decathlon's, or amos_0001: no number of a channel.
    plain = bool(stems) and (bool(stems & cases) or not any(map(CHANNEL_NUMBER.search, stems)))
    how = (
        f"--pattern '{{phase}}/{{case}}{ending}' --phase-names PHASE=imagesTr"
        if plain
        else f"--pattern 'imagesTr/{{case}}_{{phase}}{ending}' --phase-names {_channels_phases(stems, record, names)}"
    )
    return (
        f"is a dataset in nnU-Net's form: expected {expected}; say how it is named with {how}"
        f" --lesions 'labelsTr/{{case}}{ending}' --drawn-on PHASE{_label_options(record)}"
    )


def _channels_phases(stems: Collection[str], record: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Write what --phase-names is to say of the channels in imagesTr."""
    numbers = sorted({match[1] for stem in stems if (match := CHANNEL_NUMBER.search(stem))})
    ours = record.get("phases")
    ours = [str(phase) for phase in ours] if isinstance(ours, list | tuple) else []
    phases = {number: _phase_of(int(number), names, ours) for number in numbers}
    known = list(filter(None, phases.values()))
    if numbers and len(known) == len(set(known)) == len(numbers):
        return " ".join(f"{phase}={number}" for number, phase in phases.items())
    return f"PHASE={numbers[0]}" if len(numbers) == 1 else "nc=0000 art=0001 ..."


def _phase_of(channel: int, names: Mapping[str, str], ours: Sequence[str]) -> str:
    """Give the phase of a channel, as our own dataset.json or its name says; the empty text: neither does."""
    if channel < len(ours):
        return ours[channel] if ours[channel] in PHASES else ""
    like = likeness(names.get(str(channel), ""), "")
    return like.phase or "" if like is not None and like.kind == "image" else ""


def _label_options(record: Mapping[str, Any]) -> str:
    """Write the options for the labels that dataset.json names, where they are others than 1 for the lesion alone."""
    if not record:
        return ""
    try:
        classes = classes_of_record(record, "dataset.json")
    except InputError:
        return _no_lesion(record)
    livers = [
        value for name, values in classes.others.items() if re.search("liver", name, re.I) for value in values
    ]
    if any(
        re.search("vessel|vein|arter|cyst", name, re.I) for name in classes.others if "liver" in name.lower()
    ):
        livers = []  # liver vessels
    rest = sorted(classes.known - {0, *classes.lesion, *livers})
    if classes.lesion == (1,) and not livers and not rest:
        return ""
    parts = [f" --lesion-labels {_numbers(classes.lesion)}"]
    parts += [f" --liver-labels {_numbers({*livers, *classes.lesion})}"] if livers else []
    parts += [f" --other-labels {_numbers(rest)}"] if rest else []
    return "".join(parts)


def _no_lesion(record: Mapping[str, Any]) -> str:
    """Say which labels there are where none is called a lesion."""
    try:
        classes: LabelClasses = classes_of_record(record, "dataset.json", ())
    except InputError:
        return ""
    said = [f"{name} {_numbers(values)}" for name, values in classes.others.items()]
    return (
        f" --lesion-labels N; dataset.json calls none of its labels lesion or tumour ({first_of(said, _MOST_NAMED)}): "
        "expected lesions to learn from"
    )


def _numbers(values: Sequence[int] | set[int]) -> str:
    return " ".join(map(str, sorted(values)))


def volumes_in(folder: Path) -> list[Path]:
    """List the volumes directly in a folder, by name; none where there is no such folder."""
    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if not path.name.startswith(".") and volume_stem(path) is not None
    )
