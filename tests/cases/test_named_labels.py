"""Labels that count as lesion or liver, and that dataset.json beside the masks calls something else, are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from layout_files import write_labels, write_volume

from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.presets import PRESETS

VESSELS = {
    "0": "background",
    "1": "Vessel",
    "2": "Tumour",
}  # as the Medical Segmentation Decathlon writes them
ORGANS = {"background": 0, "spleen": 1, "right kidney": 2, "liver": 6}


def problems(raw: Path, labels: dict[str, object], layout: Layout) -> list[str]:
    write_volume(raw / "imagesTr" / "a.nii.gz")
    write_labels(raw / "labelsTr" / "a.nii.gz", 2, 1, 2)
    (raw / "dataset.json").write_text(json.dumps({"labels": labels}))
    return find_cases(raw, Inputs(layout=layout)).problems


def layout(lesion: tuple[int, ...] = (2,), liver: tuple[int, ...] = ()) -> Layout:
    return Layout(
        "imagesTr/{case}.nii.gz",
        {"": "pv"},
        lesions="labelsTr/{case}.nii.gz",
        liver="labelsTr/{case}.nii.gz" if liver else "",
        drawn_on="pv",
        lesion_labels=lesion,
        liver_labels=liver or (1,),
        further_labels=(1,),
    )


@pytest.mark.parametrize("chosen", [layout(liver=(1, 2)), layout(liver=(1,)), PRESETS["msd-liver"]])
def test_vessels_by_name_are_no_liver(tmp_path: Path, chosen: Layout) -> None:
    (problem,) = problems(tmp_path, VESSELS, chosen)
    assert problem.startswith(f"{tmp_path / 'dataset.json'} calls label 1 Vessel, which --")
    assert "takes for the liver; it has no label called liver: correct the option" in problem
    assert ("--preset msd-liver" in problem) == (chosen is PRESETS["msd-liver"])


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (
            ORGANS,
            "calls label 2 right kidney, which --lesion-labels takes for lesions; it has no label called lesion",
        ),
        (
            {"tumor": 1, "liver": 2},
            "calls label 2 liver, which --lesion-labels takes for lesions; it has tumor 1",
        ),
        ({"kidney": 1, "kidney tumor": 2}, "calls label 2 kidney tumor, which"),
    ],
)
def test_a_label_of_another_name_is_no_lesion(
    tmp_path: Path, labels: dict[str, object], sentence: str
) -> None:
    (problem,) = problems(tmp_path, labels, layout())
    assert sentence in problem


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [
        (VESSELS, PRESETS["msd-hepaticvessel"]),
        ({"0": "background", "1": "liver", "2": "cancer"}, PRESETS["msd-liver"]),
        ({"background": 0, "liver": [1, 2], "tumor": 2}, layout(liver=(1, 2))),
        ({"background": 0, "liver": 1, "HCC": 2}, layout(liver=(1,))),
        ({"background": 0, "a": 1, "b": 2}, layout(liver=(1, 2))),
        ({}, layout(liver=(1, 2))),
    ],
)
def test_names_that_fit_or_say_nothing_are_no_problem(
    tmp_path: Path, labels: dict[str, object], chosen: Layout
) -> None:
    assert problems(tmp_path, labels, chosen) == []
