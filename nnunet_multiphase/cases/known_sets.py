"""Recognise a public set, or cases sorted into folders, in a cohort that is not in case folders, and say what reads it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from nnunet_multiphase.cases.layout import CHANNEL, Index, Layout, compile_within, one_form
from nnunet_multiphase.cases.near_miss import exact_name, is_system_folder
from nnunet_multiphase.cases.nnunet_form import CHANNEL_NUMBER, told_of_nnunet_form, volumes_in
from nnunet_multiphase.cases.presets import all_presets
from nnunet_multiphase.errors import first_of
from nnunet_multiphase.volumes.volume_file import volume_stem

_MOST_PATHS = 50_000
"""Files and folders that are looked through: a set of 200 DICOM patients has as many slices."""


def told_of_known_set(raw: Path) -> str:
    """Say what a cohort without case folders is, and what reads it; the empty text: nothing that is known.

    Args:
        raw: The cohort's folder. No file but a set's own table is opened.

    Returns:
        A clause to follow the folder's name.
    """
    paths = _paths_below(raw)
    fitting = [name for name, layout in all_presets().items() if _fits(raw, layout, paths)]
    if len(fitting) == 1:
        return f"is laid out as the public set {fitting[0]}: pass --preset {fitting[0]}"
    return _lits_elsewhere(paths) or _sorted_cases(raw, paths) or _deeper_set(raw, paths)


def _deeper_set(raw: Path, paths: Sequence[str]) -> str:
    """Recognise a public set of which cases lie in further folders, by diagnosis or by archive."""
    groups = sorted({path.split("/")[0] for path in paths if path.count("/") > 1})
    layouts = {name: layout for name, layout in all_presets().items() if layout.index is None}
    for name, layout in layouts.items():
        image = compile_within(layout, layout.image.removesuffix(CHANNEL))
        deep = [
            g for g in groups if any(image.fullmatch(p[len(g) + 1 :]) for p in paths if p.startswith(f"{g}/"))
        ]
        raised = [p.partition("/")[2] if p.split("/")[0] in deep else p for p in paths]
        if deep and _fits(raw, layout, raised):
            return (
                f"is laid out as the public set {name}, but for the folders {first_of(deep)}: move what is in them up, and "
                f"pass --preset {name}"
            )
    return ""


def told_for_preset(raw: Path, preset: str) -> str:
    """Say what reads a cohort in which a preset finds no case, though its files are much like the set's; empty: nothing."""
    if preset == "lits":
        return _lits_elsewhere(_paths_below(raw))
    if all_presets()[preset].image == "imagesTr/{case}.nii.gz" and any(
        CHANNEL_NUMBER.search(volume_stem(path) or "") for path in volumes_in(raw / "imagesTr")
    ):
        return told_of_nnunet_form(raw, f"imagesTr/{{case}}.nii.gz, as --preset {preset} has it")
    return ""


def _paths_below(raw: Path) -> list[str]:
    """List files and folders below a folder with forward slashes, hidden and system ones left out."""
    found: list[str] = []
    for folder, folders, files in os.walk(raw):
        folders[:] = sorted(
            n for n in folders if not n.startswith(".") and not is_system_folder(Path(folder) / n)
        )
        names = [*folders, *sorted(n for n in files if not n.startswith("."))]
        found += [one_form((Path(folder) / name).relative_to(raw).as_posix()) for name in names]
        if len(found) > _MOST_PATHS:
            break
    return found


def _fits(raw: Path, layout: Layout, paths: Sequence[str]) -> bool:
    """Tell whether a case has a phase and a lesion mask where a set's layout looks for them, under names as its own."""
    if layout.index is not None:
        return _has_columns(raw / layout.index.file, layout.index)
    cases = []
    for pattern in (layout.image.removesuffix(CHANNEL), layout.lesions):
        expression = compile_within(layout, pattern)
        cases.append({m["case"] for path in paths if (m := expression.fullmatch(path))})
    return any(case.startswith(layout.case_start) for case in cases[0] & cases[1])


def _has_columns(table: Path, index: Index) -> bool:
    """Tell whether there is a set's own table, by its first line."""
    if not table.is_file():
        return False
    with table.open(encoding="utf-8-sig", errors="replace") as stream:
        columns = {name.strip(' "\n') for name in re.split(r"[,;\t]", stream.readline())}
    return {index.case, index.phase, index.image, index.lesions} <= columns


def _lits_elsewhere(paths: Sequence[str]) -> str:
    """Write the patterns for volume-N and segmentation-N, of whatever folders, as copies of LiTS have them."""
    kinds: dict[str, dict[str, str]] = {"volume": {}, "segmentation": {}}  # number -> path
    for path in paths:
        if m := re.fullmatch(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?", PurePosixPath(path).name):
            kinds[m[1]][m[2]] = path
    volumes, masks = (
        _one_pattern({number: path for number, path in found.items() if number in other})
        for found, other in (
            (kinds["volume"], kinds["segmentation"]),
            (kinds["segmentation"], kinds["volume"]),
        )
    )
    if not volumes or not masks:
        return ""
    return (
        "holds volume-N and segmentation-N as LiTS does, in other folders: if they are that set's (portal venous; 1 liver, "
        f"2 tumour), pass --pattern '{volumes.replace('volume-', '{phase}-')}' --phase-names pv=volume --lesions '{masks}' "
        "--drawn-on pv --lesion-labels 2 --liver-labels 1 2"
    )


def _one_pattern(paths: Mapping[str, str]) -> str:
    """Write the one pattern of paths that differ in a number at the end and in one folder at most; empty: there is none."""
    folders = {tuple(PurePosixPath(path).parent.parts) for path in paths.values()}
    names = {PurePosixPath(path).name.replace(f"-{number}.", "-{case}.") for number, path in paths.items()}
    if len(names) != 1 or len({len(parts) for parts in folders}) != 1:
        return ""
    parts = []
    for level in zip(*folders, strict=True):
        alike = len(
            list(itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*level, strict=False)))
        )
        parts.append(level[0] if len(set(level)) == 1 else f"{level[0][:alike]}*")
    return "/".join([*parts, names.pop()])


def _sorted_cases(raw: Path, paths: Sequence[str]) -> str:
    """Write the patterns for case folders that are sorted into folders, by diagnosis or by patient."""
    kinds: dict[str, str] = {}  # images, lesions, liver -> ending of the first file
    cases: dict[str, set[str]] = {}
    for path in paths:
        parts = path.split("/")
        stem = volume_stem(Path(parts[-1]))
        if stem is None:
            continue
        meant = exact_name(stem)
        if meant is None or meant.phase is None or len(parts) != 3:
            if len(parts) < 3:
                return ""  # files beside or in what would be the cases' folders
            continue
        kinds.setdefault(meant.kind, parts[-1][len(stem) :])
        cases.setdefault(parts[0], set()).add(parts[1])
    if "image" not in kinds or sum(map(len, cases.values())) < 2:
        return ""
    if len(cases) > 1 and len({frozenset(inner) for inner in cases.values()}) == 1:
        return ""  # a folder of one name in each case's
    if len(cases) == 1:
        (top,) = cases
        return f"holds case folders one folder deeper, in {top}: give {raw / top}"

    def options(above: str) -> str:
        named = {"lesions": "lesions_{phase}", "liver": "liver_{phase}"}
        masks = "".join(
            f" --{kind} '{above}/{{case}}/{name}{kinds[kind]}'"
            for kind, name in named.items()
            if kind in kinds
        )
        return f"--pattern '{above}/{{case}}/{{phase}}{kinds['image']}'{masks}"

    first = min(cases)
    return (
        f"holds case folders one folder deeper, such as {first}/{min(cases[first])}: if {first} is a group of patients, "
        f"pass {options('*')}; if it is one patient with several examinations, {options('{patient}')}"
    )
