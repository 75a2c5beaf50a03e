"""The layout of a case folder: names, reference phase, what is ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK as sitk
from layout_files import touch
from tiny_phases import write_case

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.cohort import find_case_folders, ignored_files
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.cases.patient_table import patient_notes, read_patients
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import MaskFiles


def test_lesion_masks_phase_is_the_reference(tmp_path: Path) -> None:
    folder = touch(
        tmp_path / "a", "nc.nii.gz", "art.nii", "pv.nii.gz", "lesions_art.nii.gz", "liver_art.nii.gz"
    )
    case = read_case_folder(folder, require_lesions=True)
    assert case.reference == "art"
    assert list(case.images) == ["nc", "art", "pv"]
    assert case.liver == MaskFiles((folder / "liver_art.nii.gz",))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("nc.nii.gz", "pv.nii.gz", "dl.nii.gz", "liver_dl.nii.gz"), "dl"),
        (("nc.nii.gz", "pv.nii.gz", "dl.nii.gz"), "pv"),
        (("dl.nii.gz", "nc.nii.gz"), "nc"),
    ],
)
def test_reference_without_lesions(tmp_path: Path, names: tuple[str, ...], expected: str) -> None:
    assert read_case_folder(touch(tmp_path / "a", *names), require_lesions=False).reference == expected


@pytest.mark.parametrize(("drawn_on", "expected"), [(("art", "pv"), "pv"), (("dl", "art"), "art")])
def test_prediction_takes_the_phase_that_setup_takes_of_several_masks(
    tmp_path: Path, drawn_on: tuple[str, ...], expected: str
) -> None:
    phases = [f"{phase}.nii.gz" for phase in ("nc", "art", "pv", "dl")]
    folder = touch(tmp_path / "a", *phases, *(f"lesions_{phase}.nii.gz" for phase in drawn_on))
    merged = read_case_folder(folder, require_lesions=True, masks=MaskRule(several="merge"))
    assert read_case_folder(folder, require_lesions=False).reference == merged.reference == expected


def test_wanted_reference_wins_in_prediction(tmp_path: Path) -> None:
    folder = touch(tmp_path / "a", "art.nii.gz", "pv.nii.gz", "liver_pv.nii.gz")
    case = read_case_folder(folder, reference="art", require_lesions=False)
    assert case.reference == "art"
    assert case.liver is None
    assert any("liver_pv.nii.gz" in entry for entry in case.ignored)


def test_wanted_reference_that_is_missing_is_refused(tmp_path: Path) -> None:
    folder = touch(tmp_path / "a", "art.nii.gz", "pv.nii.gz")
    with pytest.raises(InputError, match="dl"):
        read_case_folder(folder, reference="dl", require_lesions=False)


def test_other_files_are_ignored_with_the_reason(tmp_path: Path) -> None:
    folder = touch(tmp_path / "a", "pv.nii.gz", "truth.json", "._pv.nii.gz")
    case = read_case_folder(folder, require_lesions=False)
    assert set(case.ignored) == {"truth.json (no volume file)", "._pv.nii.gz (hidden)"}


def test_files_beside_the_case_folders_are_ignored_with_the_reason(tmp_path: Path) -> None:
    raw = touch(tmp_path / "raw", "b_pv.nii.gz", "notes.txt", ".DS_Store", "patients.csv")
    case = read_case_folder(touch(raw / "a", "pv.nii.gz", "truth.json"), require_lesions=False)
    assert ignored_files(raw, [case]) == [
        "b_pv.nii.gz (in no case folder)",
        "notes.txt (in no case folder)",
        "a/truth.json (no volume file)",
        ".DS_Store (hidden)",
    ]


def test_linked_folder_keeps_the_links_name(tmp_path: Path) -> None:
    (tmp_path / "patient_01").symlink_to(touch(tmp_path / "store" / "3f7a", "pv.nii.gz"))
    assert read_case_folder(tmp_path / "patient_01", require_lesions=False).name == "patient_01"


def test_working_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(touch(tmp_path / "patient_01", "pv.nii.gz"))
    assert read_case_folder(Path(), require_lesions=False).name == "patient_01"


def test_patients_come_from_the_table(tmp_path: Path) -> None:
    for name in ("one", "two"):
        touch(tmp_path / name, "pv.nii.gz", "lesions_pv.nii.gz")
    (tmp_path / "patients.csv").write_text("case,patient\none,A\ntwo,A\nthree,B\n")
    assert [case.patient for case in find_case_folders(tmp_path)] == ["A", "A"]


def test_a_patient_is_one_person_however_accents_are_written(tmp_path: Path) -> None:
    for name in ("Ame\u0301lie", "two"):
        touch(tmp_path / name, "pv.nii.gz", "lesions_pv.nii.gz")
    (tmp_path / "patients.csv").write_text(
        "case,patient\nAm\u00e9lie,Ro\u0308\ntwo,R\u00f6\n", encoding="utf-8"
    )
    assert [case.patient for case in find_case_folders(tmp_path)] == ["R\u00f6", "R\u00f6"]


@pytest.mark.parametrize("name", ["Patients.CSV", "patient.csv", "patients.xlsx"])
def test_a_table_of_patients_under_another_name_is_refused(tmp_path: Path, name: str) -> None:
    for case in ("one", "two"):
        touch(tmp_path / case, "pv.nii.gz", "lesions_pv.nii.gz")
    (tmp_path / name).write_text("case,patient\none,A\ntwo,A\n")
    with pytest.raises(InputError, match=r"which cases are of one patient, and is not read.*patients\.csv"):
        find_case_folders(tmp_path)


def test_every_folder_is_a_patient_without_a_table(tmp_path: Path) -> None:
    for name in ("one", "two"):
        touch(tmp_path / name, "pv.nii.gz", "lesions_pv.nii.gz")
    assert [case.patient for case in find_case_folders(tmp_path)] == ["one", "two"]


def test_good_case_has_no_problems(tmp_path: Path) -> None:
    case = read_case_folder(write_case(tmp_path / "a", liver=True), require_lesions=True)
    assert check_case(case).problems == ()


def test_mask_whose_header_was_rounded_is_accepted(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "a")
    mask = sitk.ReadImage(str(folder / "lesions_art.nii.gz"))
    mask.SetOrigin([round(v, 2) for v in mask.GetOrigin()])  # 0.005 mm: a thousandth of a voxel
    sitk.WriteImage(mask, str(folder / "lesions_art.nii.gz"))
    assert check_case(read_case_folder(folder, require_lesions=True)).problems == ()


def test_mask_without_lesions_is_legal(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "a")
    mask = sitk.ReadImage(str(folder / "lesions_art.nii.gz"))
    sitk.WriteImage(mask * 0, str(folder / "lesions_art.nii.gz"))
    assert check_case(read_case_folder(folder, require_lesions=True)).problems == ()


def test_a_lost_quote_in_the_patients_is_said(tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text('case,patient\nx,"' + "1" * 140_000 + "\n")
    with pytest.raises(InputError, match=r"patients\.csv cannot be read as a table"):
        read_patients(table)


def test_patients_table_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_bytes("\ufeffPatient;Age; CASE\r\nA;63;one\r\n;;\r\n".encode())
    assert read_patients(table) == {"one": "A"}
    assert patient_notes(table, ()) == ["patients.csv: not used of its columns: Age"]
