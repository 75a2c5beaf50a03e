"""Cases named like one patient's examinations are told where nothing says whose they are; ordinary names are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from unopened_cohort import unopened_cohort

from nnunet_multiphase.cases.follow_ups import find_follow_ups
from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout


@pytest.mark.parametrize(
    "alike",
    [
        ("HCC_001_20190101", "HCC_001_20200101"),
        ("HCC_001", "HCC_001_2020-01-01"),
        ("HCC_001_2019", "HCC_001_2021"),
        ("P7-2019", "P7-2021"),
        ("007-01.02.2019", "007-03.02.2019"),
        ("P7_20190101_1030", "P7_20190401_0900"),
        ("2019-01-01_HCC_001", "2020-01-01_HCC_001"),
        ("P7_t1", "P7_T2"),
        ("P7", "P7_fu"),
        ("P7_baseline", "P7_follow-up_1", "P7_FU2"),
        ("Meier_baseline", "Meier_followup"),
        ("sub-01_ses-1", "sub-01_ses-2"),
        ("liver_10_visit1", "liver_10_visit2"),
        ("case_003_m06", "case_003_m12"),
        ("case_003a", "case_003b"),
        ("case_003", "case_003a"),
    ],
)
def test_names_of_one_patient_are_told(alike: tuple[str, ...]) -> None:
    (note,) = find_follow_ups(["X_100", *alike, "X_200"], "patients.csv")
    assert f"examinations of one patient ({', '.join(sorted(alike))}) count as patients" in note
    assert note.endswith("say whose each case is in patients.csv")


@pytest.mark.parametrize(
    "names",
    [
        [f"case_{n:03}" for n in range(30)],
        [f"liver_{n}" for n in range(30)],
        [f"P{n}" for n in range(30)],
        [f"volume-{n}" for n in range(30)],
        [f"LiTS17_scan_{n}" for n in range(6)],
        [f"LiTS17_scan_{n}" for n in range(30)] + ["P1"],
        [f"3Dircadb1.{n}" for n in range(1, 21)],
        [f"site{s}_{n:03}" for s in range(3) for n in range(4)],
        [f"site{s}_2019010{n}" for s in range(3) for n in range(1, 4)],
        [f"case_2019010{n}" for n in range(1, 4)],
        ["20190101_01", "20190101_02", "20190102_01", "20190102_02"],
        ["20190101_CT1", "20190102_CT1"],
        ["LiTS17_scan_2001", "LiTS17_scan_2002", "LiTS17_scan_2003"],
        ["site1_2001", "site1_2002", "site2_2001"],
        ["HCC_2019", "HCC_2020", "HCC_2021"],
        ["HCC_001_1001", "HCC_001_1002", "HCC_002_1003"],
        ["2019_001", "2019_002", "2020_001"],
        ["12_2_0", "12_2_1", "12_3_0"],
        ["HCC_001_20190101", "HCC_002_20190101", "HCC_003_20200101"],
        ["P1_t1", "P2_t1", "P3_t1"],
        ["3f9a", "4b2c", "77de", "77dd"],
        ["A1", "B1", "A2", "B2"],
        ["HCC_3", "CRLM_3", "HCC_4"],
        ["patient_001_hcc", "patient_002_hcc"],
    ],
)
def test_ordinary_names_say_nothing(names: list[str]) -> None:
    assert find_follow_ups(names, "patients.csv") == []


ALIKE = ("HCC_001_20190101", "HCC_001_20200101", "HCC_002_20190101")


def test_follow_ups_among_case_folders_are_told_until_a_table_says_whose_they_are(tmp_path: Path) -> None:
    raw = unopened_cohort(tmp_path, *ALIKE)
    found = find_cases(raw, Inputs())
    assert found.problems == []
    (note,) = found.notes
    assert "(HCC_001_20190101, HCC_001_20200101)" in note
    (raw / "patients.csv").write_text("case,patient\n" + "".join(f"{case},{case}\n" for case in ALIKE))
    assert find_cases(raw, Inputs()).notes == []


def test_follow_ups_of_a_pattern_are_told(tmp_path: Path) -> None:
    layout = Layout("{case}/{phase}.nii.gz", {"nc": "nc", "pv": "pv"}, "{case}/lesions_{phase}.nii.gz")
    assert len(find_cases(unopened_cohort(tmp_path, *ALIKE), Inputs(layout=layout)).notes) == 1


def test_follow_ups_of_a_table_are_told_until_it_names_patients(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("case,pv,lesions\n" + "".join(f"{case},1,2\n" for case in ALIKE))
    (note,) = find_cases(tmp_path, Inputs(table=table)).notes
    assert note.endswith("say whose each case is in the column patient of t.csv")
    table.write_text("case,patient,pv,lesions\n" + "".join(f"{case},{case},1,2\n" for case in ALIKE))
    assert find_cases(tmp_path, Inputs(table=table)).notes == []
