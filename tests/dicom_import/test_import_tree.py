"""A tree in, a cohort out: what setup finds in it, what fails alone, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_phantom import lesion_mask, make_seg, phase_series, save
from four_phases import NAMES, files, save_four_phases

from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.cohort import find_case_folders
from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

pytestmark = pytest.mark.slow


def test_setup_finds_no_problem_in_what_was_imported(tmp_path: Path) -> None:
    save_four_phases(tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    (case,) = find_case_folders(tmp_path / "raw")
    assert list(check_case(case).problems) == []
    assert (case.name, case.patient, list(case.images), case.reference) == (
        "patient_001",
        "patient_001",
        list(PHASES),
        "pv",
    )


def test_setup_asks_what_to_do_with_lesions_on_several_phases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("nnUNet_raw", "nnUNet_preprocessed"):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(folder, str(tmp_path / folder))
    for phase in ("art", "pv"):
        slices = phase_series(phase, description=NAMES[phase])
        save([*slices, make_seg(slices, {"Mass": lesion_mask()})], tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    setup = ["setup", str(tmp_path / "raw"), "--dataset-id", "501", "--name", "Tiny", "--dry-run"]
    setup += ["--phases", "art", "pv"]
    assert main(setup) == 2
    told = capsys.readouterr().err
    assert "case patient_001: lesion masks on several phases (lesions_art.nii.gz, lesions_pv.nii.gz)" in told
    assert "or pass --several-masks merge" in told
    assert main([*setup, "--several-masks", "merge"]) == 0
    merged = "art pv*; lesions lesions_pv.nii.gz, lesions_art.nii.gz (brought from art)"
    assert merged in capsys.readouterr().out
    assert main([*setup, "--several-masks", "reference"]) == 0
    assert "art pv*; lesions lesions_pv.nii.gz\n" in capsys.readouterr().out


@pytest.mark.parametrize("cut", ["pixels", "file"])
def test_case_with_cut_off_pixels_fails_alone_and_whole(cut: str, tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", patient="P1"), tmp_path / "tree")
    save_four_phases(tmp_path / "tree", patient="P2")
    (broken,) = phase_series("art", patient="P2", description="arteriell", number=2)[5:6]
    if cut == "pixels":
        broken.PixelData = broken.PixelData[:100]
    save([broken], tmp_path / "tree")
    if cut == "file":
        file = tmp_path / "tree" / f"{int(str(broken.SOPInstanceUID)[-12:]):x}"
        file.write_bytes(file.read_bytes()[:-100])
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert len(summary.written) == 1
    (failure,) = summary.failures
    assert "pixels that cannot be read" in failure
    assert [path.name for path in sorted((tmp_path / "raw").iterdir())] == [*summary.written, "patients.csv"]
    assert files(tmp_path / "raw" / summary.written[0]) == ["pv.nii.gz"]


def test_damaged_header_is_counted(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (tmp_path / "tree" / "cut").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\xff")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    (failure,) = summary.failures
    assert failure.startswith("1 DICOM file(s) are damaged")
    assert summary.written == ("patient_001",)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is not a folder"), ("text", "holds no DICOM image: expected CT series")]
)
def test_tree_without_dicom_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "note.dcm").write_text(content)
    with pytest.raises(InputError, match=message):
        import_tree(tmp_path / "tree", tmp_path / "raw")
    assert not (tmp_path / "raw_series.csv").exists()


def test_study_without_ct_is_no_failure_but_one_without_usable_ct_is(tmp_path: Path) -> None:
    save(phase_series("pv", patient="P1", Modality="MR"), tmp_path / "tree")
    save(phase_series("pv", patient="P2")[::2], tmp_path / "tree")  # 6 slices
    gap = phase_series("pv", patient="P3")
    save([*gap[:6], *gap[7:]], tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert len(summary.failures) == 2
    assert sum("no CT images" in remark for remark in summary.remarks) == 1


def test_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    for out in ("raw", "raw2"):
        save_four_phases(tmp_path / f"tree_{out}")
        import_tree(tmp_path / f"tree_{out}", tmp_path / out)
    assert files(tmp_path / "raw") == files(tmp_path / "raw2")
    for file in [f"raw/{name}" for name in files(tmp_path / "raw")] + ["raw_series.csv"]:
        other = tmp_path / file.replace("raw", "raw2", 1)
        assert (tmp_path / file).read_bytes() == other.read_bytes()


def test_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnunet_multiphase.dicom.extra.find_spec", lambda name: None)
    assert main(["import-dicom", str(tmp_path), str(tmp_path / "raw")]) == 2
    assert 'pip install "nnunet-multiphase[dicom]"' in capsys.readouterr().err


def test_command_tells_tables_and_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gap = phase_series("pv")
    save([*gap[:6], *gap[7:]], tmp_path / "tree")
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw")]) == 1
    told = capsys.readouterr()
    assert "missing slices: about 1 in 1 gap" in told.err
    assert "error: case patient_001: no series can be used" in told.err
    assert f"--series-table {tmp_path / 'raw_series.csv'}" in told.out
