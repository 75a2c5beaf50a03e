"""The miniatures of public sets, read by their presets."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK as sitk
from layout_files import (
    LAYOUT,
    ONE,
    write_layout,
    write_volume,
)
from set_miniatures import MINIATURES, mask_of, plc, waw

from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout_scan import scan_layout
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.cases.presets import PRESETS
from nnunet_multiphase.errors import InputError


def test_every_preset_has_a_miniature() -> None:
    assert MINIATURES.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", MINIATURES)
def test_preset_finds_the_miniature_of_its_set(name: str, tmp_path: Path) -> None:
    write_miniature, case_name, reference, phases, has_liver = MINIATURES[name]
    write_miniature(tmp_path)
    inputs = Inputs(layout=PRESETS[name], trust_headers=True, masks=MaskRule(several="reference"))
    found = find_cases(tmp_path, inputs)
    assert found.problems == []
    (case,) = found.cases
    assert (case.name, case.reference, tuple(case.images)) == (case_name, reference, phases)
    assert inputs.phases == phases
    assert check_case(case).problems == ()
    # In each miniature the lesions are the first and the third voxel of the row.
    assert mask_of(case.lesions, case.images[reference]) == [(1, 1, 1), (1, 1, 3)]
    if has_liver:
        assert mask_of(case.liver, case.images[reference]) == [(1, 1, 1), (1, 1, 2), (1, 1, 3)]
    else:
        assert case.liver is None


def test_a_set_with_wrong_headers_is_refused_with_the_reason(tmp_path: Path) -> None:
    plc(tmp_path)
    found = find_cases(tmp_path, Inputs(layout=PRESETS["plc-cect"]))
    assert found.cases == []
    assert "headers all claim voxels of 1 mm" in found.problems[0]
    assert "--trust-headers" in found.problems[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("patient_id,phase,ct_path\n", "it lacks mask_path"),
        (
            "patient_id,phase,ct_path,mask_path\nP1,C9,a,b\n",
            "case P1 .*line 2.*phase 'C9' is none of P, C1, C2, C3",
        ),
        ("patient_id,phase,ct_path,mask_path\nP1,C1,a,b\nP1,C1,c,\n", "line 3.*C1 is there twice"),
        ("patient_id,phase,ct_path,mask_path\nP1,C1,,b\n", "line 2: ct_path is empty"),
        ("patient_id,phase,ct_path,mask_path\n,C1,a,b\n", "line 2: patient_id is empty"),
        ("patient_id,phase,ct_path,mask_path\n", "nothing found, expected a line in patient_data.csv"),
        ("patient_id,phase,ct_path,mask_path\nP1,C1,a,\n", "no lesion mask in the column mask_path"),
    ],
)
def test_what_is_wrong_with_a_sets_own_table_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "patient_data.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        raise InputError("; ".join(scan_layout(tmp_path, PRESETS["plc-cect"], ONE)[1]))


def test_a_sets_table_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert "patient_data.csv cannot be read" in scan_layout(tmp_path, PRESETS["plc-cect"], ONE)[1][0]


def test_only_the_registered_set_counts_as_registered() -> None:
    assert [name for name in PRESETS if Inputs(layout=PRESETS[name]).registered] == ["mct-ltdiag"]


def test_patients_csv_holds_for_patterns_too(tmp_path: Path) -> None:
    write_layout(tmp_path)
    (tmp_path / "patients.csv").write_text("case,patient\nP1,same\nP2,same\n")
    found = find_cases(tmp_path, Inputs(layout=LAYOUT))
    assert found.problems == found.ignored == []
    assert {case.patient for case in found.cases} == {"same"}


def test_a_mask_named_after_the_wrong_phase_is_told_where_it_fits(tmp_path: Path) -> None:
    waw(tmp_path)
    image = sitk.ReadImage(str(tmp_path / "17" / "17_1_scan.nii.gz"))
    image.SetOrigin((3.0, 0.0, 0.0))  # the arterial phase lies elsewhere now, and its masks fit the others
    sitk.WriteImage(image, str(tmp_path / "17" / "17_1_scan.nii.gz"))
    (case,) = find_cases(tmp_path, Inputs(layout=PRESETS["waw-tace"])).cases
    (problem,) = check_case(case).problems
    assert "17_1_1_tumor_seg.nrrd has another geometry than 17_1_scan.nii.gz" in problem
    assert "it fits that of nc and of pv and of dl: if it was drawn there, name it so" in problem


def test_a_case_twice_in_a_preset_is_told_without_a_pattern_that_nobody_gave(tmp_path: Path) -> None:
    for batch in (1, 2):
        write_volume(tmp_path / f"Training Batch {batch}" / "volume-17.nii")
    _, problems, _ = scan_layout(tmp_path, PRESETS["lits"], ONE)
    assert any("are both pv; remove one, or give a --pattern in which {case}" in told for told in problems)
