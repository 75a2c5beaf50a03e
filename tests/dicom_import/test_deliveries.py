"""A study that comes in several deliveries: what this TREE lacks is never taken away from a case without a word."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dicom_phantom import lesion_mask, make_seg, phase_series, save
from four_phases import correct, files
from pydicom.dataset import FileDataset

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree

pytestmark = pytest.mark.slow

NAMES = {"nc": "nativ", "art": "arteriell", "pv": "portal venous"}
NUMBERS = {"nc": 1, "art": 2, "pv": 3}


@cache
def mask() -> FileDataset:
    """Draw on pv; one file, as each has UIDs of its own."""
    return make_seg(phase_series("pv", description=NAMES["pv"], number=3), {"Mass": lesion_mask()})


def deliver(tmp_path: Path, *phases: str, with_mask: bool = False) -> None:
    """Make the tree anew of these phases alone; the mask is drawn on pv."""
    shutil.rmtree(tmp_path / "tree", ignore_errors=True)
    for phase in phases:
        slices = phase_series(phase, description=NAMES[phase], number=NUMBERS[phase])
        save(slices, tmp_path / "tree")
        if phase == "pv" and with_mask:
            save([mask()], tmp_path / "tree")


def imported(tmp_path: Path, **options: Any) -> Summary:
    return import_tree(tmp_path / "tree", tmp_path / "raw", **options)


def contents(tmp_path: Path) -> dict[str, bytes]:
    case = tmp_path / "raw" / "patient_001"
    return {name: (case / name).read_bytes() for name in files(case)}


def test_a_second_delivery_does_not_delete_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(tmp_path, "nc", "pv", with_mask=True)
    imported(tmp_path)
    before = contents(tmp_path)
    assert sorted(before) == ["lesions_pv.nii.gz", "nc.nii.gz", "pv.nii.gz"]
    deliver(tmp_path, "art")
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw")]) == 1
    assert contents(tmp_path) == before
    told = capsys.readouterr().err
    assert "case patient_001: an earlier import made it of more than this TREE holds" in told
    assert "lesions_pv, nc, pv" in told
    assert f"give all files of the study in one TREE, or remove {tmp_path / 'raw' / 'patient_001'} to" in told


def test_what_comes_in_one_tree_at_last_is_written(tmp_path: Path) -> None:
    deliver(tmp_path, "nc", "pv", with_mask=True)
    imported(tmp_path)
    deliver(tmp_path, "nc", "art", "pv", with_mask=True)
    summary = imported(tmp_path)
    assert summary.failures == ()
    assert sorted(contents(tmp_path)) == ["art.nii.gz", "lesions_pv.nii.gz", "nc.nii.gz", "pv.nii.gz"]
    assert not [remark for remark in summary.remarks if "earlier import" in remark or "replaced" in remark]


def test_after_the_folder_is_removed_the_case_is_made_of_the_tree_alone(tmp_path: Path) -> None:
    deliver(tmp_path, "nc", "pv")
    imported(tmp_path)
    shutil.rmtree(tmp_path / "raw" / "patient_001")
    deliver(tmp_path, "art")
    assert imported(tmp_path).failures == ()
    assert list(contents(tmp_path)) == ["art.nii.gz"]


def test_an_export_without_its_mask_does_not_delete_the_mask(tmp_path: Path) -> None:
    deliver(tmp_path, "pv", with_mask=True)
    imported(tmp_path)
    before = contents(tmp_path)
    deliver(tmp_path, "pv")
    (failure,) = imported(tmp_path).failures
    assert "(lesions_pv: made of what is not in this TREE" in failure
    assert contents(tmp_path) == before


def test_a_mask_drawn_anew_replaces_the_old_one_and_is_said(tmp_path: Path) -> None:
    deliver(tmp_path, "pv", with_mask=True)
    imported(tmp_path)
    deliver(tmp_path, "pv")
    larger = lesion_mask()
    larger[7, 12:16, 8:13] = 1
    source = phase_series("pv", description=NAMES["pv"], number=3)
    save([make_seg(source, {"Mass": larger})], tmp_path / "tree")
    summary = imported(tmp_path)
    assert summary.failures == ()
    assert any(
        "case patient_001: lesions_pv replaced by what was made of other" in remark
        for remark in summary.remarks
    )


def test_a_phase_that_the_table_takes_out_goes_without_a_word(tmp_path: Path) -> None:
    deliver(tmp_path, "nc", "art", "pv", with_mask=True)
    imported(tmp_path)
    table = tmp_path / "raw_series.csv"
    correct(table, no1={"use": "no"})
    summary = imported(tmp_path, series_table=table)
    assert summary.failures == ()
    assert sorted(contents(tmp_path)) == ["art.nii.gz", "lesions_pv.nii.gz", "pv.nii.gz"]
    assert not any("earlier import" in remark for remark in summary.remarks)


@pytest.mark.parametrize("count", [6, 10])
def test_a_series_that_comes_with_fewer_slices_does_not_replace_the_whole_one(
    tmp_path: Path, count: int
) -> None:
    deliver(tmp_path, "nc", "pv")
    imported(tmp_path)
    before = contents(tmp_path)
    deliver(tmp_path, "nc")
    save(phase_series("pv", description=NAMES["pv"], number=3)[:count], tmp_path / "tree")
    (failure,) = imported(tmp_path).failures
    assert "pv: " in failure
    assert contents(tmp_path) == before


def test_a_delivery_without_images_leaves_the_case_as_it_is(tmp_path: Path) -> None:
    deliver(tmp_path, "pv")
    imported(tmp_path)
    before = contents(tmp_path)
    shutil.rmtree(tmp_path / "tree")
    save(
        phase_series("pv", series="scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), tmp_path / "tree"
    )
    summary = imported(tmp_path)
    assert any("made of more than this TREE holds, and stays" in remark for remark in summary.remarks)
    assert contents(tmp_path) == before


def test_a_join_does_not_delete_what_the_tree_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for study, phase in (("A", "nc"), ("B", "art"), ("B", "pv")):
        save(phase_series(phase, description=NAMES[phase], study=study), tmp_path / "tree")
    imported(tmp_path)
    before = {name: (tmp_path / "raw" / name).read_bytes() for name in files(tmp_path / "raw")}
    shutil.rmtree(tmp_path / "tree")
    for study, phase in (("A", "nc"), ("B", "pv")):
        save(phase_series(phase, description=NAMES[phase], study=study), tmp_path / "tree")
    arguments = ["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw"), "--join-studies"]
    assert main(arguments) > 0
    assert "made it of more than this TREE holds" in capsys.readouterr().err
    assert {name: (tmp_path / "raw" / name).read_bytes() for name in files(tmp_path / "raw")} == before


def test_of_a_case_whose_record_is_gone_the_loss_is_at_least_said(tmp_path: Path) -> None:
    deliver(tmp_path, "nc", "pv")
    imported(tmp_path)
    (tmp_path / "raw_made_of.csv").unlink()
    deliver(tmp_path, "art")
    summary = imported(tmp_path)
    assert any(
        "case patient_001: nc, pv removed, which an earlier import wrote" in remark
        for remark in summary.remarks
    )
