"""Files and folders that a detail of their names alone keeps from being a phase or mask of a layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnunet_multiphase.cases.inputs import Found, Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.cases.presets import PRESETS

NAMES = {phase: phase for phase in ("nc", "art", "pv")}
LAYOUT = Layout("{case}/{phase}.nii.gz", NAMES, lesions="{case}/tumor_*.nii.gz", drawn_on="pv")
WAW = PRESETS["waw-tace"]
IRCADB = PRESETS["3d-ircadb"]
SCANS = ("P1/art.nii.gz", "P1/pv.nii.gz", "P1/tumor_1.nii.gz")
WAW_SCANS = ("12/12_1_scan.nii.gz", "12/12_2_scan.nii.gz", "tumor_masks_v1/12/12_2_0_tumor_seg.nrrd")
PATIENT = ("3Dircadb1.7/PATIENT_DICOM/image_0", "3Dircadb1.7/MASKS_DICOM/livertumor01/image_0")


def find(raw: Path, layout: Layout, *names: str, absent: str = "error") -> Found:
    """Make empty files, and scan; no file is opened."""
    for name in names:
        path = raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return find_cases(raw, Inputs(layout=layout, masks=MaskRule(absent=absent)))


def the_problem(found: Found) -> str:
    (problem,) = found.problems
    return problem


@pytest.mark.parametrize(
    ("layout", "names", "lost"),
    [
        (WAW, WAW_SCANS, "tumor_masks_v1/12/12_2_1_TUMOR_seg.nii.gz"),
        (WAW, WAW_SCANS, "tumor_masks_v1/12/12_2_1_tumor_seg.NRRD"),
        (LAYOUT, SCANS, "P1/tumor_2.nrrd"),
        (LAYOUT, SCANS, "P1/Tumor_2.nii.gz"),
    ],
)
def test_a_second_lesion_in_another_format_or_letter_case_is_refused(
    tmp_path: Path, layout: Layout, names: tuple[str, ...], lost: str
) -> None:
    told = the_problem(find(tmp_path, layout, *names, lost))
    assert f"{lost} would be a lesion mask of it by the pattern" in told
    assert "letter case; rename" in told


def test_masks_of_waw_tace_may_be_nrrd_and_nifti_mixed(tmp_path: Path) -> None:
    found = find(tmp_path, WAW, *WAW_SCANS, "tumor_masks_v1/12/12_2_1_tumor_seg.nii.gz")
    assert found.problems == found.ignored == []
    ((lesions,),) = ([case.lesions] for case in found.cases)
    assert lesions is not None
    assert len(lesions.paths) == 2


def test_a_mask_in_two_formats_is_not_united_with_itself(tmp_path: Path) -> None:
    told = the_problem(find(tmp_path, WAW, *WAW_SCANS, "tumor_masks_v1/12/12_2_0_tumor_seg.nii.gz"))
    assert "12_2_0_tumor_seg.nrrd" in told
    assert "in another format by its name" in told


@pytest.mark.parametrize(
    "beside", ["P1/tumor_1.nrrd", "P1/tumor_1.nii.gz.bak", "P1/art.nii", "P1/art (1).nii.gz"]
)
def test_what_is_used_already_may_be_there_in_another_form(tmp_path: Path, beside: str) -> None:
    found = find(tmp_path, LAYOUT, *SCANS, beside)
    assert (found.problems, found.notes) == ([], [])


def test_a_pattern_that_only_its_ending_tells_from_others_does_not_claim_them(tmp_path: Path) -> None:
    layout = Layout("{case}/{phase}.nii.gz", NAMES, lesions="{case}/*.nrrd", drawn_on="pv")
    found = find(tmp_path, layout, "P1/pv.nii.gz", "P1/a.nrrd", "P1/spleen.nii.gz")
    assert (found.problems, found.notes) == ([], [])
    assert "P1/b.NRRD would be a lesion mask of it" in the_problem(find(tmp_path, layout, "P1/b.NRRD"))


@pytest.mark.parametrize(
    "name",
    [
        "art.nii.gz.nii.gz",
        "art (1).nii.gz",
        "art.nii (1).gz",
        "art.nii.gz.gz",
        "art - Kopie.nii.gz",
        "art.nii.gz.part",
    ],
)
def test_a_lacking_phase_with_a_second_ending_or_a_copys_sign_is_refused(tmp_path: Path, name: str) -> None:
    told = the_problem(find(tmp_path, LAYOUT, "P1/pv.nii.gz", "P1/tumor_1.nii.gz", f"P1/{name}"))
    assert f"{name} would be its art by the pattern" in told
    assert "a copy's or a second ending" in told


def test_a_masks_copy_is_refused_as_it_may_be_drawn_on(tmp_path: Path) -> None:
    copy = "tumor_masks_v1/12/12_2_0_tumor_seg (1).nrrd"
    assert "12_2_0_tumor_seg (1).nrrd" in the_problem(find(tmp_path / "preset", WAW, *WAW_SCANS, copy))
    told = the_problem(find(tmp_path / "pattern", LAYOUT, *SCANS, "P1/tumor_1 (1).nii.gz"))
    assert "is named as a copy of" in told


def test_two_versions_of_a_folder_of_masks_are_not_united(tmp_path: Path) -> None:
    told = the_problem(find(tmp_path, WAW, *WAW_SCANS, "tumor_masks_v2/12/12_2_0_tumor_seg.nrrd"))
    assert "tumor_masks_v1 and tumor_masks_v2" in told
    assert "look like two versions" in told


def test_the_masks_of_two_tasks_are_not_united(tmp_path: Path) -> None:
    names = [
        f"{folder}/T1/T1_venous.nii.gz" for folder in ("imagesTr", "labelsTr (Task 1)", "labelsTr (Task 2)")
    ]
    assert "labelsTr (Task 1) and labelsTr (Task 2)" in the_problem(find(tmp_path, PRESETS["trials"], *names))


def test_folders_that_a_users_pattern_names_are_united(tmp_path: Path) -> None:
    layout = Layout("{case}/{phase}.nii.gz", NAMES, lesions="masks_*/{case}.nii.gz", drawn_on="pv")
    found = find(tmp_path, layout, "P1/pv.nii.gz", "masks_hcc/P1.nii.gz", "masks_met/P1.nii.gz")
    assert found.problems == found.notes == found.ignored == []


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("LiverTumor02", "but for its letter case"),
        ("tumor", "seems to hold a lesion"),
        ("hcc", "seems to hold a lesion"),
    ],
)
def test_a_tumours_folder_under_another_name_is_refused(tmp_path: Path, folder: str, words: str) -> None:
    told = the_problem(find(tmp_path, IRCADB, *PATIENT, f"3Dircadb1.7/MASKS_DICOM/{folder}/image_0"))
    assert f"MASKS_DICOM/{folder} " in told
    assert words in told


def test_the_other_structures_of_3d_ircadb_are_known(tmp_path: Path) -> None:
    others = (
        "MASKS_DICOM/bone",
        "MASKS_DICOM/portalvein",
        "MASKS_DICOM/livercyst",
        "LABELLED_DICOM",
        "MESHES_VTK",
    )
    found = find(tmp_path, IRCADB, *PATIENT, *(f"3Dircadb1.7/{folder}/image_0" for folder in others))
    assert found.problems == found.ignored == found.notes == []


def test_a_case_folder_in_another_letter_case_is_refused(tmp_path: Path) -> None:
    assert "3DIRCADB1.8/PATIENT_DICOM would be its pv" in the_problem(
        find(tmp_path, IRCADB, *PATIENT, "3DIRCADB1.8/PATIENT_DICOM/image_0")
    )


def test_masks_that_are_packed_or_too_deep_are_not_taken_for_none(tmp_path: Path) -> None:
    packed = ("3Dircadb1.8/PATIENT_DICOM/image_0", "3Dircadb1.8/MASKS_DICOM.zip")
    deep = ("3Dircadb1.9/PATIENT_DICOM/image_0", "3Dircadb1.9/MASKS_DICOM/MASKS_DICOM/livertumor1/image_0")
    told = find(tmp_path, IRCADB, *PATIENT, *packed, *deep, absent="skip").problems
    assert len(told) == 2
    assert any("MASKS_DICOM.zip" in problem and "unpack it" in problem for problem in told)
    assert any("but for the folder MASKS_DICOM:" in problem for problem in told)


def test_a_volume_called_after_lesions_that_matches_nothing_is_told_first(tmp_path: Path) -> None:
    notes = [f"P1/a{number}.txt" for number in range(3)]
    found = find(tmp_path, LAYOUT, *SCANS, *notes, "P1/lesion2.nii.gz")
    assert found.problems == []
    assert "called after lesions: P1/lesion2.nii.gz" in found.notes[0]
    assert found.ignored[0] == "P1/lesion2.nii.gz (matches no pattern)"


def test_a_folder_of_many_slices_is_one_line(tmp_path: Path) -> None:
    found = find(tmp_path, LAYOUT, *SCANS, *(f"P1/dicom/{number}" for number in range(11)))
    assert found.ignored == ["P1/dicom/ (11 files; match no pattern)"]


def test_cases_one_folder_too_deep_are_told_with_the_folder_to_give(tmp_path: Path) -> None:
    told = find(tmp_path, LAYOUT, *(f"Task03/{name}" for name in SCANS)).problems
    assert any(f"give {tmp_path / 'Task03'} as RAW" in problem for problem in told)
    assert not any("nothing found" in problem for problem in told)


def test_images_too_deep_are_told_instead_of_masks_without_images(tmp_path: Path) -> None:
    scans = [f"CT_scans_part1/{name}" for name in WAW_SCANS[:2]]
    told = the_problem(find(tmp_path, WAW, *scans, WAW_SCANS[2]))
    assert "(and 1 more) would match" in told
    assert "but for the folder CT_scans_part1" in told


def test_a_case_put_aside_in_a_folder_is_left_there(tmp_path: Path) -> None:
    layout = Layout("{case}_{phase}.nii.gz", NAMES, lesions="{case}_mask.nii.gz", drawn_on="pv")
    found = find(
        tmp_path, layout, *(f"{where}_{n}.nii.gz" for where in ("P1", "old/P2") for n in ("pv", "mask"))
    )
    assert found.problems == found.notes == []


def test_a_mask_in_the_folder_of_the_images_is_told_by_its_case(tmp_path: Path) -> None:
    names = ("101/NIFTI/pvp.nii.gz", "101/NIFTI/mask_pvp.nii.gz")
    told = find(tmp_path, PRESETS["mct-ltdiag"], *names, absent="skip").problems
    assert any(
        "mask_pvp.nii.gz would match" in problem and "the folder NIFTI:" in problem for problem in told
    )


def test_a_folder_given_one_level_too_low_is_told(tmp_path: Path) -> None:
    layout = PRESETS["msd-liver"]
    find(tmp_path, layout, "imagesTr/liver_1.nii.gz", "labelsTr/liver_1.nii.gz")
    told = find(tmp_path / "imagesTr", layout).problems
    assert any(f"give the folder above, {tmp_path}" in problem for problem in told)


@pytest.mark.parametrize("above", ["", "Training_Batch1/"])
def test_lits_is_found_where_its_archives_unpack_to(tmp_path: Path, above: str) -> None:
    batch = f"{above}media/nas/01_Datasets/CT/LITS/Training Batch 1"
    found = find(tmp_path, PRESETS["lits"], f"{batch}/volume-1.nii", f"{batch}/segmentation-1.nii")
    assert (found.problems, [case.name for case in found.cases]) == ([], ["1"])


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("/data/{case}_{phase}.nii.gz", "an absolute path"),
        ("C:/data/{case}_{phase}.nii.gz", "an absolute path"),
        ("{case}\\{phase}.nii.gz", "a backslash"),
        ("../{case}/{phase}.nii.gz", r"has \.\."),
        ("**/{case}/{phase}.nii.gz", r"has \*\*"),
    ],
)
def test_a_pattern_that_no_path_can_match_is_refused(tmp_path: Path, pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find(tmp_path, Layout(pattern, NAMES))


def test_dots_and_doubled_slashes_in_a_pattern_say_nothing(tmp_path: Path) -> None:
    layout = Layout("./{case}//./{phase}.nii.gz", NAMES, lesions="././{case}/tumor_*.nii.gz", drawn_on="pv")
    found = find(tmp_path, layout, *SCANS)
    assert (found.problems, len(found.cases)) == ([], 1)


def test_a_mask_is_told_the_case_whose_name_differs_in_zeros(tmp_path: Path) -> None:
    told = find(tmp_path, LAYOUT, "P7/pv.nii.gz", "P007/tumor_1.nii.gz").problems
    assert any("or rename it if it is of case P7" in problem for problem in told)


@pytest.mark.parametrize("absent", ["error", "skip"])
def test_a_lesion_mask_in_a_folder_within_the_case_is_named(tmp_path: Path, absent: str) -> None:
    for name in (
        "art.nii.gz",
        "pv.nii.gz",
        "segmentations/liver.nii.gz",
        "segmentations/liver_lesions.nii.gz",
    ):
        path = tmp_path / "s0011" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    told = the_problem(find_cases(tmp_path, Inputs(masks=MaskRule(absent=absent))))
    assert "no lesion mask" in told
    assert "--lesions '{case}/segmentations/liver_lesions.nii.gz'" in told
