"""Public sets without their preset, copies of LiTS, cases sorted into folders: each is told what reads it, and that does."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from layout_files import write_labels, write_volume
from set_miniatures import MINIATURES

from nnunet_multiphase.cases.inputs import Found, Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.presets import PRESETS


def problem_of(raw: Path, layout: Layout | None = None) -> str:
    found = find_cases(raw, Inputs(layout=layout))
    assert found.cases == []
    (problem,) = found.problems
    return problem


def options_in(text: str, phase: str = "pv") -> dict[str, list[str]]:
    """Give the options that a sentence names, a phase in place of PHASE: option -> values."""
    options: dict[str, list[str]] = {}
    for word in shlex.split(text[text.index("--pattern") :].partition(";")[0].replace("PHASE", phase)):
        options.setdefault(word, []) if word.startswith("--") else options[list(options)[-1]].append(word)
    return options


def found_by(raw: Path, options: dict[str, list[str]]) -> Found:
    """Find the cases as setup does with these options."""
    names = dict(reversed(word.split("=")) for word in options.get("--phase-names", []))
    kinds = [kind for kind in ("lesion", "liver", "other") if f"--{kind}-labels" in options]
    values = {kind: tuple(map(int, options[f"--{kind}-labels"])) for kind in kinds}
    layout = Layout(
        options["--pattern"][0],
        names or {phase: phase for phase in ("nc", "art", "pv", "dl")},
        lesions=options["--lesions"][0],
        liver=options.get("--liver", options["--lesions"] if "liver" in values else [""])[0],
        drawn_on=options.get("--drawn-on", [""])[0],
        lesion_labels=values.get("lesion", (1,)),
        liver_labels=values.get("liver", (1,)),
        further_labels=values.get("other", ()),
    )
    return find_cases(raw, Inputs(layout=layout))


@pytest.mark.parametrize("name", MINIATURES)
def test_a_public_set_is_told_its_preset(name: str, tmp_path: Path) -> None:
    MINIATURES[name][0](tmp_path)
    assert problem_of(tmp_path) == f"{tmp_path} is laid out as the public set {name}: pass --preset {name}"


@pytest.mark.parametrize("name", ["waw-tace", "mct-ltdiag"])
def test_a_public_set_in_folders_of_its_own_is_told_what_to_move(name: str, tmp_path: Path) -> None:
    MINIATURES[name][0](tmp_path / "HCC")
    if name == "waw-tace":  # scans unpacked into a folder of their archive, masks beside it
        (tmp_path / "HCC" / "tumor_masks_wawtace_v1_08_05_2024").rename(tmp_path / "tumor_masks_1")
    problem = problem_of(tmp_path)
    assert f"the public set {name}, but for the folders HCC: move what is in them up" in problem


@pytest.mark.parametrize(
    ("volumes", "masks", "pattern"),
    [
        (("volume_pt1", "volume_pt6"), ("segmentations", "segmentations"), "volume_pt*/{phase}-{case}.nii"),
        ((".", "."), (".", "."), "{phase}-{case}.nii"),
        (("train/ct", "train/ct"), ("train/seg", "train/seg"), "train/ct/{phase}-{case}.nii"),
    ],
)
@pytest.mark.parametrize("layout", [None, PRESETS["lits"]])
def test_lits_in_other_folders_is_told_the_patterns_that_read_it(
    tmp_path: Path, volumes: tuple[str, ...], masks: tuple[str, ...], pattern: str, layout: Layout | None
) -> None:
    for number, (image, mask) in enumerate(zip(volumes, masks, strict=True)):
        write_volume(tmp_path / image / f"volume-{number}.nii", number)
        write_labels(tmp_path / mask / f"segmentation-{number}.nii", 2, 1)
    options = options_in(problem_of(tmp_path, layout))
    assert options["--pattern"] == [pattern]
    found = found_by(tmp_path, options)
    assert (found.problems, found.ignored) == ([], [])
    assert [(case.name, case.reference, case.liver is not None) for case in found.cases] == [
        ("0", "pv", True),
        ("1", "pv", True),
    ]


def test_cases_sorted_by_diagnosis_or_by_patient_are_told_both_patterns(tmp_path: Path) -> None:
    for number, folder in enumerate(("FNH/p1", "HCC/p2", "HCC/p3")):
        for phase in ("art", "pv"):
            write_volume(tmp_path / folder / f"{phase}.nii.gz", 2 * number + (phase == "pv"))
        write_labels(tmp_path / folder / "lesions_pv.nii.gz", 1)
    problem = problem_of(tmp_path)
    by_group, _, by_patient = problem.partition("; if it is one patient")
    assert "such as FNH/p1: if FNH is a group of patients" in by_group
    cases = found_by(tmp_path, options_in(by_group)).cases
    assert [(case.name, case.patient) for case in cases] == [("p1", "p1"), ("p2", "p2"), ("p3", "p3")]
    cases = found_by(tmp_path, options_in(by_patient)).cases
    assert [(case.name, case.patient) for case in cases] == [("p1", "FNH"), ("p2", "HCC"), ("p3", "HCC")]


def write_nnunet(raw: Path, record: dict[str, object], *numbers: str) -> None:
    """Write a case in nnU-Net's form: a file for each of the channels' numbers, such as _0000."""
    for at, number in enumerate(numbers):
        write_volume(raw / "imagesTr" / f"case_0001{number}.nii.gz", at)
    write_labels(raw / "labelsTr" / "case_0001.nii.gz", 2, 1, 3)
    (raw / "dataset.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("channels", "numbers", "phases"),
    [
        ({"0": "CT"}, ["_0000"], {"pv"}),
        ({"0": "CT"}, [""], {"pv"}),  # as the Medical Segmentation Decathlon writes them
        ({"0": "venous", "1": "arterial"}, ["_0000", "_0001"], {"art", "pv"}),
    ],
)
def test_nnunets_form_is_told_the_patterns_and_labels_that_read_it(
    tmp_path: Path, channels: dict[str, str], numbers: list[str], phases: set[str]
) -> None:
    labels = {"background": 0, "liver": 1, "tumor": 2, "cyst": 3}
    write_nnunet(tmp_path, {"channel_names": channels, "labels": labels}, *numbers)
    options = options_in(problem_of(tmp_path))
    assert options["--liver-labels"] == ["1", "2"]
    assert options["--other-labels"] == ["3"]
    found = found_by(tmp_path, options)
    assert found.problems == []
    (case,) = found.cases
    assert set(case.images) == phases
    assert case.lesions is not None
    assert case.lesions.values == (2,)


def test_nnunets_form_without_lesions_names_its_labels(tmp_path: Path) -> None:
    labels = {"background": 0, "spleen": 1, "liver": 6}
    write_nnunet(tmp_path, {"channel_names": {"0": "CT"}, "labels": labels}, "_0000")
    assert "calls none of its labels lesion or tumour (spleen 1, liver 6)" in problem_of(tmp_path)


@pytest.mark.parametrize("name", ["MRI", "T1", "T2w", "DWI", "PET", "SUV"])
def test_another_modality_in_nnunets_form_is_told_so(name: str, tmp_path: Path) -> None:
    write_nnunet(tmp_path, {"modality": {"0": name}, "labels": {"0": "background", "1": "tumor"}}, "_0000")
    assert f"calls the channels {name}: expected CT" in problem_of(tmp_path)


def test_folders_of_images_and_masks_are_no_cases(tmp_path: Path) -> None:
    for number in range(2):
        write_volume(tmp_path / "set" / "train_images" / f"{number}.nii.gz", number)
        write_labels(tmp_path / "set" / "train_masks" / f"{number}.nii.gz", 1)
    problem = problem_of(tmp_path)
    assert "train_masks is a folder of 2 volumes that seem to be masks, as of so many cases" in problem
    options = options_in(problem.replace("FOLDER", "train_images").partition(", and give")[0])
    assert [case.name for case in found_by(tmp_path / "set", options).cases] == ["0", "1"]


def test_a_preset_for_files_with_nnunets_numbers_is_told_the_patterns(tmp_path: Path) -> None:
    labels = {"background": 0, "liver": 1, "tumor": 2, "cyst": 3}
    write_nnunet(tmp_path, {"channel_names": {"0": "CT"}, "labels": labels}, "_0000")
    problem = problem_of(tmp_path, PRESETS["msd-liver"])
    assert "expected imagesTr/{case}.nii.gz, as --preset msd-liver has it" in problem
    assert [case.name for case in found_by(tmp_path, options_in(problem)).cases] == ["case_0001"]
