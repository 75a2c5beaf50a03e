"""Cases found by file name patterns, and the miniatures of public sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout, compile_pattern
from nnunet_multiphase.cases.layout_scan import scan_layout
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.cases.presets import PRESETS
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import MaskFiles, read_mask
from nnunet_multiphase.volumes.volume_file import read_volume

NAMES = {"0": "nc", "1": "art", "2": "pv", "3": "dl"}
LAYOUT = Layout(
    image="{case}/{phase}_scan.nii.gz",
    phase_names=NAMES,
    lesions="masks/{case}_{phase}_*.nrrd",
    lesion_labels=None,
)
ONE = MaskRule()
SIZE = (6, 5, 4)  # x, y, z


def write_volume(path: Path, seed: int = 0) -> Path:
    """Write noise about 50 HU with one voxel of air."""
    values = np.random.default_rng(seed).normal(50, 20, SIZE[::-1]).astype(np.int16)
    values[0, 0, 0] = -1000
    return write(path, values)


def write_labels(path: Path, *labels: int) -> Path:
    """Write one voxel of each label, in a row from (1, 1, 1) on."""
    values = np.zeros(SIZE[::-1], np.uint8)
    values[1, 1, 1 : 1 + len(labels)] = labels
    return write(path, values)


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(values)
    image.SetOrigin((-5.0, 0.0, 0.0))  # at 0, its header would look lost
    sitk.WriteImage(image, str(path))
    return path


def mask_of(files: MaskFiles | None, image: Path) -> list[tuple[int, ...]]:
    """List the voxels (z, y, x) of a mask."""
    assert files is not None
    array = sitk.GetArrayFromImage(read_mask(files, read_volume(image), "image"))
    return [tuple(int(i) for i in index) for index in np.argwhere(array)]


def write_layout(raw: Path) -> None:
    for case, phases, masks in (("P1", "012", ("2_1", "2_2")), ("P2", "13", ("1_1",))):
        for number, phase in enumerate(phases):
            write_volume(raw / case / f"{phase}_scan.nii.gz", seed=number)
        for mask in masks:
            write_labels(raw / "masks" / f"{case}_{mask}.nrrd", 1)


def test_cases_phases_and_masks_are_found_by_pattern(tmp_path: Path) -> None:
    write_layout(tmp_path)
    cases, problems, unmatched = scan_layout(tmp_path, LAYOUT, ONE)
    assert problems == unmatched == []
    assert [(c.name, tuple(c.images), c.reference) for c in cases] == [
        ("P1", ("nc", "art", "pv"), "pv"),
        ("P2", ("art", "dl"), "art"),
    ]
    assert cases[0].images["art"] == tmp_path / "P1" / "1_scan.nii.gz"
    assert [len(c.lesions.paths) for c in cases if c.lesions is not None] == [2, 1]


def test_files_that_match_nothing_are_named(tmp_path: Path) -> None:
    write_layout(tmp_path)
    (tmp_path / "P1" / "notes.txt").touch()
    (tmp_path / ".hidden").touch()
    assert scan_layout(tmp_path, LAYOUT, ONE)[2] == ["P1/notes.txt"]


def test_the_patient_comes_from_the_pattern(tmp_path: Path) -> None:
    for case in ("A_1", "A_2"):
        write_volume(tmp_path / f"{case}_pv.nii.gz")
        write_labels(tmp_path / f"{case}_mask_pv.nii.gz", 1)
    layout = Layout("{patient}_{case}_{phase}.nii.gz", {"pv": "pv"}, lesions="*_{case}_mask_{phase}.nii.gz")
    cases, problems, _ = scan_layout(tmp_path, layout, ONE)
    assert problems == []
    assert [(c.name, c.patient) for c in cases] == [("1", "A"), ("2", "A")]


def test_letters_with_marks_match_in_either_form(tmp_path: Path) -> None:
    """macOS and some archives write an accent as a sign of its own."""
    write_volume(tmp_path / "Jos\u00e9_pv.nii.gz")
    write_labels(tmp_path / "Jose\u0301_l\u00e4sion.nii.gz", 1)
    layout = Layout(
        "{case}_{phase}.nii.gz", {"pv": "pv"}, lesions="{case}_la\u0308sion.nii.gz", drawn_on="pv"
    )
    ((case,), problems, unmatched) = scan_layout(tmp_path, layout, ONE)
    assert problems == unmatched == []
    assert (case.name, case.has_lesion_mask) == ("Jos\u00e9", True)


@pytest.mark.parametrize("folder", ["Sp\u00e4t", "Spa\u0308t"])
@pytest.mark.parametrize("told", ["Sp\u00e4t", "Spa\u0308t"])
def test_letters_with_marks_in_a_phases_name_match_in_either_form(
    tmp_path: Path, folder: str, told: str
) -> None:
    write_volume(tmp_path / folder / "a.nii.gz")
    write_labels(tmp_path / "a_mask.nii.gz", 1)
    layout = Layout("{phase}/{case}.nii.gz", {told: "dl"}, lesions="{case}_mask.nii.gz", drawn_on="dl")
    ((case,), problems, unmatched) = scan_layout(tmp_path, layout, ONE)
    assert problems == unmatched == []
    assert list(case.images) == ["dl"]


def test_studies_numbered_anew_for_each_patient_stay_apart(tmp_path: Path) -> None:
    for patient, phases in (("A", ("nc", "pv")), ("B", ("art", "pv"))):
        for phase in phases:
            write_volume(tmp_path / patient / "study1" / f"{phase}.nii.gz")
        write_labels(tmp_path / patient / "study1" / "mask_pv.nii.gz", 1)
    names = {phase: phase for phase in ("nc", "art", "pv")}
    layout = Layout("{patient}/{case}/{phase}.nii.gz", names, lesions="{patient}/{case}/mask_{phase}.nii.gz")
    cases, problems, _ = scan_layout(tmp_path, layout, ONE)
    assert problems == []
    assert [(c.name, c.patient, tuple(c.images)) for c in cases] == [
        ("A_study1", "A", ("nc", "pv")),
        ("B_study1", "B", ("art", "pv")),
    ]
    loose = Layout("{patient}/{case}/{phase}.nii.gz", names, lesions="*/{case}/mask_{phase}.nii.gz")
    assert "may be of several patients (A, B)" in scan_layout(tmp_path, loose, ONE)[1][0]


def test_a_case_name_that_looks_like_a_phase_is_not_parted(tmp_path: Path) -> None:
    write_volume(tmp_path / "pat_1" / "2_scan.nii.gz")
    write_labels(tmp_path / "masks" / "pat_1_2_0.nrrd", 1)
    (case,), problems, _ = scan_layout(tmp_path, LAYOUT, ONE)
    assert problems == []
    assert (case.name, case.reference) == ("pat_1", "pv")


def test_linked_case_folders_count(tmp_path: Path) -> None:
    write_layout(tmp_path / "far")
    (tmp_path / "raw").mkdir()
    for name in ("P1", "P2", "masks"):
        (tmp_path / "raw" / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "raw" / "P1_again").symlink_to(tmp_path / "raw")  # a loop
    cases, problems, _ = scan_layout(tmp_path / "raw", LAYOUT, ONE)
    assert problems == []
    assert [c.name for c in cases] == ["P1", "P2"]


def test_a_dicom_folder_with_a_gap_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    write_series(folder, write(tmp_path / "v.nii", np.zeros((9, 5, 6), np.int16)))
    assert read_volume(folder).GetSize() == (6, 5, 9)
    (folder / "image_4.dcm").unlink()
    with pytest.raises(
        InputError, match=r"missing slices: about 1 in 1 gap; import-dicom --resample-irregular"
    ):
        read_volume(folder)


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("{case}/{case}_{phase}.nii", "x/x_1.nii", {"case": "x", "phase": "1"}),
        ("{case}/{case}_{phase}.nii", "x/y_1.nii", None),
        ("{case}_{phase}.nii", "a_b_2.nii", {"case": "a_b", "phase": "2"}),
        ("{case}_{phase}.nii", "a_7.nii", None),
        ("{case}.nii", "a/b.nii", None),
        ("*/{case}.nii", "any/b.nii", {"case": "b"}),
        ("a+{case}", "a+b", {"case": "b"}),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, path: str, groups: dict[str, str] | None) -> None:
    match = compile_pattern(pattern, NAMES).fullmatch(path)
    assert (match.groupdict() if match else None) == groups


def test_a_longer_phase_name_wins() -> None:
    match = compile_pattern("{phase}*.nii", {"p": "pv", "pv": "art"}).fullmatch("pvx.nii")
    assert match is not None
    assert match["phase"] == "pv"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image": "{phase}.nii"}, r"image pattern '\{phase\}.nii' has no \{case\}"),
        ({"image": "{case}.nii"}, r"has no \{phase\}: expected one where there are several"),
        ({"image": "{case}/{fase}.nii"}, r"\{fase\} is unknown"),
        ({"lesions": "{case}.nrrd"}, "say on which phase it is drawn"),
        ({"phase_names": {"0": "native"}}, "unknown phase native"),
    ],
)
def test_a_layout_that_cannot_work_is_refused(tmp_path: Path, change: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        scan_layout(tmp_path, Layout(**({**vars(LAYOUT)} | change)), ONE)


def test_each_problem_names_case_and_file(tmp_path: Path) -> None:
    write_layout(tmp_path)
    write_volume(tmp_path / "P3" / "1_scan.nii.gz")  # no mask
    write_labels(tmp_path / "masks" / "P4_1_1.nrrd", 1)  # no image
    write_labels(tmp_path / "masks" / "P2_2_1.nrrd", 1)  # a second phase, which is not there
    cases, problems, _ = scan_layout(tmp_path, LAYOUT, ONE)
    assert [c.name for c in cases] == ["P1"]
    assert len(problems) == 3
    for words in (("P3", "no lesion mask"), ("P4_1_1.nrrd", "no image"), ("P2_2_1.nrrd", "drawn on pv")):
        assert any(all(word in problem for word in words) for problem in problems), words


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    assert "nothing found, expected {case}/{phase}_scan.nii.gz" in scan_layout(tmp_path, LAYOUT, ONE)[1][0]


def waw(raw: Path) -> None:
    for phase in range(4):
        write_volume(raw / "17" / f"17_{phase}_scan.nii.gz", seed=phase)
    folder = raw / "tumor_masks_wawtace_v1_08_05_2024" / "17"
    write_labels(folder / "17_1_1_tumor_seg.nrrd", 1)
    write_labels(folder / "17_1_2_tumor_seg.nrrd", 0, 0, 1)


def mct(raw: Path) -> None:
    for number, phase in enumerate(("nc", "art", "pvp", "delay")):
        write_volume(raw / "c17" / "NIFTI" / f"{phase}.nii.gz", seed=number)
    write_labels(raw / "c17" / "mask_pvp.nii.gz", 1, 0, 1)
    write_labels(raw / "c17" / "liver_mask_pvp.nii.gz", 1, 1, 1)


def trials(raw: Path) -> None:
    for number, phase in enumerate(("nocontrast", "arterial", "venous", "delayed")):
        write_volume(raw / "imagesTr" / "TriALS_17" / f"TriALS_17_{phase}.nii.gz", seed=number)
        labels = (2, 1, 2) if phase == "venous" else (2, 1, 1)
        write_labels(raw / "labelsTr (Task 2)" / "TriALS_17" / f"TriALS_17_{phase}.nii.gz", *labels)
    write_labels(raw / "labelsTr (Task 2)" / "TriALS_17" / "TriALS_17_combined.nii.gz", 2, 2, 2)


def plc(raw: Path) -> None:
    lines = ["patient_id,phase,cancer_type,ct_path,mask_path,liver_mask_path"]
    for number, phase in enumerate(("P", "C1", "C2", "C3")):
        image = f"ct_files/P0017_ct_{phase}.nii.gz"
        write_volume(raw / image, seed=number)
        mask = "some_masks/a.nii.gz" if phase == "C2" else ""
        lines.append(f"P0017,{phase},HCC,{image},{mask},")
    write_labels(raw / "some_masks" / "a.nii.gz", 1, 0, 1)
    (raw / "patient_data.csv").write_text("\n".join(lines))


def msd_liver(raw: Path) -> None:
    write_volume(raw / "imagesTr" / "liver_17.nii.gz")
    write_labels(raw / "labelsTr" / "liver_17.nii.gz", 2, 1, 2)
    (raw / "dataset.json").write_text("{}")


def msd_vessel(raw: Path) -> None:
    write_volume(raw / "imagesTr" / "hepaticvessel_017.nii.gz")
    write_labels(raw / "labelsTr" / "hepaticvessel_017.nii.gz", 2, 1, 2)


def lits(raw: Path) -> None:
    write_volume(raw / "Training Batch 2" / "volume-17.nii")
    write_labels(raw / "Training Batch 2" / "segmentation-17.nii", 2, 1, 2)


def ircadb(raw: Path) -> None:
    folder = raw / "3Dircadb1.17"
    write_series(folder / "PATIENT_DICOM", write_volume(raw / "tmp.nii"))
    for name, labels in (("livertumor1", (255,)), ("livertumor02", (0, 0, 255)), ("liver", (255, 255, 255))):
        write_series(folder / "MASKS_DICOM" / name, write_labels(raw / "tmp.nii", *labels))
    (raw / "tmp.nii").unlink()


def write_series(folder: Path, volume: Path) -> None:
    """Write a volume as a DICOM series, one file a slice."""
    folder.mkdir(parents=True)
    image = sitk.Cast(sitk.ReadImage(str(volume)), sitk.sitkInt16)
    for z in range(image.GetDepth()):
        cut = image[:, :, z]
        values = {
            "0008|0060": "CT",
            "0020|000e": f"1.2.826.0.1.3680043.2.1125.{abs(hash(folder.name)) % 10**8}",
            "0020|0032": f"-5\\0\\{z}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(z + 1),
            "0028|1052": "0",
            "0028|1053": "1",
        }
        for tag, value in values.items():
            cut.SetMetaData(tag, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"image_{z}.dcm"))
        writer.Execute(cut)


MINIATURES: dict[str, tuple[Callable[[Path], None], str, str, tuple[str, ...], bool]] = {
    # preset: writer, case, reference, phases, whether there is a liver mask
    "waw-tace": (waw, "17", "art", ("nc", "art", "pv", "dl"), False),
    "mct-ltdiag": (mct, "c17", "pv", ("nc", "art", "pv", "dl"), True),
    "trials": (trials, "TriALS_17", "pv", ("nc", "art", "pv", "dl"), True),
    "plc-cect": (plc, "P0017", "pv", ("nc", "art", "pv", "dl"), False),
    "msd-liver": (msd_liver, "liver_17", "pv", ("pv",), True),
    "msd-hepaticvessel": (msd_vessel, "hepaticvessel_017", "pv", ("pv",), False),
    "lits": (lits, "17", "pv", ("pv",), True),
    "3d-ircadb": (ircadb, "17", "pv", ("pv",), True),
}


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
