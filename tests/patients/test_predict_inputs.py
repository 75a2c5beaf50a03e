"""What `predict` takes for a patient: case folders, DICOM trees, loose files, mixed and many."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dicom_phantom import lesion_mask, make_seg, phase_series, save, uid
from planted import leaks

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.patients.inputs import Patient, gather_patients, is_dicom_tree, sort_inputs
from nnunet_multiphase.prediction.prepare import prepare_case

pytestmark = pytest.mark.slow

NAMES = {"nc": "nativ", "art": "arteriell", "pv": "portal venous", "dl": "delayed"}


def save_study(tree: Path, *phases: str, **options: str) -> None:
    for number, phase in enumerate(phases, start=1):
        save(phase_series(phase, description=NAMES[phase], number=number, **options), tree)


def case_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "pv.nii.gz").touch()
    return path


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One study, art and pv, of the patient whose traces the privacy test looks for."""
    place = tmp_path_factory.mktemp("inputs") / "tree"
    save_study(place, "art", "pv", patient="MRN-4711")
    return place


def test_a_tree_is_imported_and_its_patient_predicted(predict, tree: Path, tmp_path: Path) -> None:
    status, seen = predict(tree)
    assert (status, seen) == (0, [tmp_path / "out" / "imported" / "patient_001"])
    assert sorted(path.name for path in seen[0].iterdir()) == ["art.nii", "pv.nii"]


def test_two_trees_are_imported_as_one_and_a_folder_goes_with_them(
    predict, tree: Path, tmp_path: Path
) -> None:
    save_study(tmp_path / "other", "pv", patient="P2")
    folder = case_folder(tmp_path / "folder")
    status, seen = predict(tree, folder, tmp_path / "other")
    imported = tmp_path / "out" / "imported"
    assert (status, seen) == (0, [folder, imported / "patient_001", imported / "patient_002"])


def test_phases_of_one_study_in_two_trees_are_one_patient(predict, tmp_path: Path) -> None:
    save_study(tmp_path / "a", "art")
    save_study(tmp_path / "b", "pv")
    status, (case,) = predict(tmp_path / "a", tmp_path / "b")
    assert status == 0
    assert sorted(path.name for path in case.iterdir()) == ["art.nii", "pv.nii"]


def test_what_cannot_be_imported_costs_the_others_nothing(
    predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(phase_series("pv", description="portal venous")[:4] + phase_series("pv")[5:], tmp_path / "gap")
    folder = case_folder(tmp_path / "folder")
    assert predict(folder, tmp_path / "gap") == (1, [folder])
    assert "error: case patient_001: no series can be used" in capsys.readouterr().err


def test_nobody_predicted_is_status_two(predict, tmp_path: Path) -> None:
    save(phase_series("pv", description="portal venous")[:4] + phase_series("pv")[5:], tmp_path / "gap")
    assert predict(tmp_path / "gap") == (2, [])


def test_a_tree_without_ct_is_refused(predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(phase_series("pv", Modality="MR"), tmp_path / "mr")
    assert predict(tmp_path / "mr") == (2, [])
    assert "none of the input can be predicted: it holds no CT images" in capsys.readouterr().err


def test_the_run_alone_knows_where_a_patients_dicom_lies(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (patient,) = gather_patients(sort_inputs([tree]), tmp_path / "out", say=print).patients
    assert {part.uid for part in patient.dicom["pv"].slices} == {
        uid("MRN-4711", "first", "pv", k) for k in range(1, 13)
    }
    told = capsys.readouterr().out + repr(patient)
    assert leaks(told.encode()) == set()
    for path in (path for path in (tmp_path / "out").rglob("*") if path.is_file()):
        identifies = path.name == "imported_pseudonyms.csv"
        assert (leaks(path.read_bytes()) != set()) is identifies, path
        assert not identifies or path.stat().st_mode & 0o077 == 0


def test_masks_in_a_tree_are_not_looked_at(
    predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slices = phase_series("pv", description="portal venous")
    save([*slices, make_seg(slices, {"Lesion 1": lesion_mask()})], tmp_path / "tree")
    status, (case,) = predict(tmp_path / "tree")
    assert (status, [path.name for path in case.iterdir()]) == (0, ["pv.nii"])
    assert "mask" not in capsys.readouterr().err


def test_a_correction_of_the_series_table_is_followed(predict, tree: Path, tmp_path: Path) -> None:
    predict(tree)
    table = tmp_path / "corrected.csv"
    text = (tmp_path / "out" / "imported_series.csv").read_text(encoding="utf-8")
    table.write_text(text.replace(",art,", ",dl,"), encoding="utf-8")
    _, (case,) = predict(tree, "--series-table", table)
    assert sorted(path.name for path in case.iterdir()) == ["dl.nii", "pv.nii"]


def test_studies_of_one_day_are_one_patient_on_request(predict, tmp_path: Path) -> None:
    for phase in ("art", "pv"):
        save_study(tmp_path / "tree", phase, study=phase)
    assert len(predict(tmp_path / "tree")[1]) == 2
    (tmp_path / "out").rename(tmp_path / "before")
    _, (case,) = predict(tmp_path / "tree", "--join-studies")
    assert sorted(path.name for path in case.iterdir()) == ["art.nii", "pv.nii"]


def test_loose_files_are_a_case_of_the_name_given(predict, tmp_path: Path) -> None:
    for file in ("a.nii.gz", "b.nii.gz"):
        (tmp_path / file).touch()
    status, (case,) = predict(
        "--phase", f"pv={tmp_path / 'b.nii.gz'}", "--phase", f"art={tmp_path / 'a.nii.gz'}", "--case", "one 7"
    )
    assert (status, case.name, case.reference) == (0, "one_7", "pv")
    assert case.images == {"art": tmp_path / "a.nii.gz", "pv": tmp_path / "b.nii.gz"}


def test_a_folder_of_one_series_is_a_loose_phase_and_remembers_its_dicom(tmp_path: Path) -> None:
    save(phase_series("pv"), tmp_path / "s1")
    (patient,) = sort_inputs([], phases=[f"pv={tmp_path / 's1'}"], case="one", require_dicom=True).patients
    assert len(patient.dicom["pv"].slices) == 12


def test_loose_files_lack_the_wanted_reference(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").touch()
    (patient,) = sort_inputs([], phases=[f"pv={tmp_path / 'a.nii.gz'}"], case="one").patients
    with pytest.raises(InputError, match="case one: it lacks the wanted reference phase dl: found pv"):
        prepare_case(patient.case, ("pv",), reference="dl")


def test_what_loose_files_lack_is_told_without_their_folder(tmp_path: Path) -> None:
    folder = case_folder(tmp_path / "Smith_John")
    (patient,) = sort_inputs([], phases=[f"pv={folder / 'pv.nii.gz'}"], case="one").patients
    with pytest.raises(
        InputError, match="case one: the model expects art, pv, the case lacks art; add the file"
    ):
        prepare_case(patient.case, ("art", "pv"))
    with pytest.raises(InputError, match=f"{folder} lacks art"):
        prepare_case(folder, ("art", "pv"))


@pytest.mark.parametrize(
    ("phases", "case", "sentence"),
    [
        (["xx=a"], "one", "--phase xx=a: expected one of nc, art, pv, dl, = and a file"),
        (["art"], "one", "--phase art: expected one of"),
        (["art=no_such.nii.gz"], "one", "there is no no_such.nii.gz"),
        (["art=.", "art=.."], "one", "--phase art is given twice: . and .."),
        (["art=."], None, "--phase needs --case NAME"),
        ([], "one", "--case one names the patient of --phase"),
        ([], None, "nothing to predict: give a case folder, a DICOM tree"),
    ],
)
def test_loose_files_that_make_no_case_are_refused(
    phases: list[str], case: str | None, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        sort_inputs([], phases=phases, case=case)


def test_names_that_collide_are_refused(tmp_path: Path) -> None:
    folders = [case_folder(tmp_path / "a" / "One"), case_folder(tmp_path / "b" / "one")]
    with pytest.raises(InputError, match=r"a/One and .*b/one would both be written as one"):
        sort_inputs(folders)
    with pytest.raises(InputError, match="--case ONE would both be written as ONE"):
        sort_inputs(folders[:1], phases=[f"pv={folders[0] / 'pv.nii.gz'}"], case="ONE")


def test_a_folder_named_as_a_pseudonym_collides(predict, tree: Path, tmp_path: Path, capsys) -> None:
    assert predict(tree, case_folder(tmp_path / "patient_001")) == (2, [])
    assert "would both be written as patient_001: rename one" in capsys.readouterr().err


def test_a_tree_given_twice_is_refused(tree: Path) -> None:
    with pytest.raises(InputError, match="is given twice"):
        sort_inputs([tree, tree / ".." / "tree"])


def test_dicom_is_refused_of_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--dicom: .*one is no DICOM, so there is no series"):
        sort_inputs([case_folder(tmp_path / "one")], require_dicom=True)


def test_a_series_table_without_dicom_is_refused(predict, tmp_path: Path) -> None:
    assert predict(case_folder(tmp_path / "one"), "--series-table", "x.csv") == (2, [])


def test_a_case_folder_stays_one_with_dicom_beside_its_files(tree: Path, tmp_path: Path) -> None:
    folder = case_folder(tmp_path / "one")
    save(phase_series("art")[:1], folder / "dicom")
    assert not is_dicom_tree(folder)
    assert is_dicom_tree(tree)


def test_without_pydicom_a_tree_is_known_by_its_preamble(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnunet_multiphase.patients.given_folder.find_spec", lambda name: None)
    monkeypatch.setattr("nnunet_multiphase.dicom.extra.find_spec", lambda name: None)
    with pytest.raises(InputError, match="reading DICOM needs pydicom and highdicom"):
        sort_inputs([tree])
    assert sort_inputs([case_folder(tmp_path / "one")]).patients == (Patient("one", tmp_path / "one"),)


def test_a_folder_of_case_folders_stands_for_all_of_them(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden", "__MACOSX"):
        case_folder(tmp_path / "all" / name)
    patients = sort_inputs([tmp_path / "all"]).patients
    assert [(p.name, p.case) for p in patients] == [(n, tmp_path / "all" / n) for n in ("a", "b")]


def test_folders_named_after_phases_are_no_patients(tmp_path: Path) -> None:
    for name in ("pv", "art"):
        case_folder(tmp_path / "one" / name)
    assert [p.case for p in sort_inputs([tmp_path / "one"]).patients] == [tmp_path / "one"]


def lay(raw: Path, *files: str) -> Path:
    """Lay empty files under a folder, and make it a folder in it where the name ends in a stroke."""
    for file in files:
        path = raw / file
        (path if file.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not file.endswith("/"):
            path.touch()
    return raw


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [
        ("p2/", "holds no phase: expected nc.nii.gz"),
        ("p2/CT/pv.nii.gz", "the files in CT lie one folder too deep"),
        ("p2/pv.nii.gz.part", "pv.nii.gz.part seems to be pv, and is no file that can be read here"),
        ("p2/PV.nii.gz.zip", "PV.nii.gz.zip seems to be pv, and is no file that can be read here"),
        ("p2/notes.txt", "holds no phase: expected nc.nii.gz"),
    ],
)
def test_a_folder_beside_case_folders_that_is_none_fails_by_name(
    predict, tmp_path: Path, capsys, layout: str, sentence: str
) -> None:
    raw = lay(tmp_path / "raw", "p1/pv.nii.gz", layout)
    status, seen = predict(raw, prepare=lambda case: read_case_folder(case, require_lesions=False))
    said = capsys.readouterr().err
    assert (status, [case.name for case in seen]) == (1, ["p1"])
    assert "error: case p2: " in said
    assert sentence in said


@pytest.mark.parametrize(("beside", "expected"), [("p1/pv.nii.gz", 1), ("p1/", 2)])
def test_a_link_to_nothing_beside_case_folders_fails_by_name(
    predict, tmp_path: Path, capsys, beside: str, expected: int
) -> None:
    raw = lay(tmp_path / "raw", beside)
    (raw / "p2").symlink_to("/nowhere/store")
    status, _ = predict(raw, prepare=lambda case: read_case_folder(case, require_lesions=False))
    said = capsys.readouterr().err
    assert status == expected
    assert f"error: case p2: {raw / 'p2'} is a link to /nowhere/store, where nothing is" in said


def test_an_archive_beside_case_folders_is_told(predict, tmp_path: Path, capsys) -> None:
    raw = lay(tmp_path / "raw", "p1/pv.nii.gz", "p2.zip", "list.csv", "pv.nii.gz.part", "Thumbs.db", ".x.zip")
    assert predict(raw) == (0, [raw / "p1"])
    told = "raw: not used, for in no patient's folder: p2.zip, pv.nii.gz.part\n"
    assert capsys.readouterr().err.endswith(told)


@pytest.mark.parametrize("name", ["pat.zip", "pat.tar.gz", "pat.7z"])
def test_a_patient_in_an_archive_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name} is an archive, which is not opened: unpack it"):
        sort_inputs([tmp_path / name])


def test_a_volume_beside_case_folders_is_refused(predict, tmp_path: Path, capsys) -> None:
    raw = lay(tmp_path / "raw", "p1/pv.nii.gz", "p2/pv.nii.gz", "pv.nii.gz")
    assert predict(raw) == (2, [])
    said = capsys.readouterr().err
    assert (
        "raw holds pv.nii.gz and folders with phases of their own (p1, p2): give the folder of each" in said
    )


def test_a_case_folder_may_hold_folders_of_other_volumes(tmp_path: Path) -> None:
    folder = lay(
        tmp_path / "one", "pv.nii.gz", "organs/liver.nii.gz", "organs/portal_vein.nii.gz", "._art.nii.gz"
    )
    assert [p.case for p in sort_inputs([folder]).patients] == [folder]


@pytest.mark.parametrize("file", ["p2/pv.nii.gz", "deep/er/art.nii", "p2/scan.nrrd", "p2/pv.hdr"])
def test_volumes_among_dicom_are_refused(
    predict, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    raw = lay(tmp_path / "raw", file)
    shutil.copytree(tree, raw / "p1")
    assert predict(raw) == (2, [])
    said = capsys.readouterr().err
    assert (
        f"and volume files ({file}), and which of them are the patients cannot be told: give the folder"
        in said
    )


def test_masks_and_leavings_among_dicom_are_passed_over(tree: Path, tmp_path: Path) -> None:
    raw = lay(
        tmp_path / "raw",
        "p1/lesions_pv.nii.gz",
        "p1/seg.nii.gz",
        "__MACOSX/pv.nii.gz",
        "p1/._pv.nii.gz",
        "cd/view.img",
    )
    shutil.copytree(tree, raw / "p2")
    assert sort_inputs([raw]).trees == (raw,)


def test_results_within_the_input_are_passed_over(predict, tree: Path, tmp_path: Path) -> None:
    raw = lay(tmp_path / "raw", "p1/pv.nii.gz", "p2/pv.nii.gz")
    for _ in range(2):
        assert predict(raw, output=raw / "out") == (0, [raw / "p1", raw / "p2"])
        shutil.copytree(tree, raw / "out" / "fetched", dirs_exist_ok=True)
