"""What the register command asks about: headers that say neither sides nor sizes, and values that are no HU."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp
from nnunet_multiphase.cli.main import main as command
from registration.__main__ import main
from registration.file_header import refuse_unclear_header

pytestmark = pytest.mark.slow


@pytest.fixture
def unplaced(files: Path, tmp_path: Path) -> Path:
    image = nib.load(files / "moving.nii.gz")
    image.header["qform_code"] = image.header["sform_code"] = 0
    path = tmp_path / "unplaced.nii.gz"
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), None, image.header), path)
    return path


@pytest.mark.parametrize(
    "typed", [main, lambda rest: command(["register", *rest])], ids=["module", "command"]
)
def test_a_volume_that_does_not_say_where_right_is_is_asked_about(
    typed: Callable[[Sequence[str]], int],
    files: Path,
    unplaced: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(files / "reference.nii.gz"), str(unplaced), "--transform", str(tmp_path / "t.tfm")]
    assert typed(arguments) == 2
    assert "unplaced.nii.gz says nothing about which side is the patient's right" in capsys.readouterr().err
    assert not (tmp_path / "t.tfm").exists()
    assert typed([*arguments, "--accept", "spacing"]) == 2
    assert typed([*arguments, "--accept", "spacing", "orientation"]) == 0
    assert (tmp_path / "t.tfm").is_file()


@pytest.mark.parametrize("ending", [".vtk", ".gipl", ".mrc"])
def test_a_format_that_keeps_no_sides_is_asked_about(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    reference, moving = files / "reference.nii.gz", tmp_path / f"moving{ending}"
    sitk.WriteImage(sitk.ReadImage(str(files / "moving.nii.gz")), str(moving))
    assert main([str(reference), str(moving), "--transform", str(tmp_path / "t.tfm")]) == 2
    assert f"{moving} is " in (said := capsys.readouterr().err)
    assert "not known to say which side is the patient's right" in said
    assert "pass --accept orientation" in said
    with pytest.raises(mp.InputError, match="which side is the patient's right"):
        mp.register(reference, moving)
    with pytest.raises(mp.InputError, match="which side is the patient's right"):
        mp.lesion_table(files / "mask.nii.gz", {"pv": moving})


def test_a_format_that_keeps_neither_sides_nor_slice_distance_is_asked_about_both(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moving = tmp_path / "moving.tif"
    sitk.WriteImage(sitk.ReadImage(str(files / "moving.nii.gz")), str(moving))
    arguments = [str(files / "reference.nii.gz"), str(moving), "--transform", str(tmp_path / "t.tfm")]
    for accepted, said in (
        ([], "moving.tif is TIFF, which does not say how far apart its slices are"),
        (["spacing"], "which side is the patient's right"),
        (["orientation"], "how far apart its slices are"),
    ):
        assert main([*arguments, "--accept", *accepted] if accepted else arguments) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda image: image + 1024, "moved.nii.gz holds nothing below 0"),
        (
            lambda image: sitk.Cast(image > -300, sitk.sitkInt16),
            "moved.nii.gz holds values from 0 to 1, no HU",
        ),
        (
            lambda image: sitk.Cast(sitk.ConstantPad(image + 1024, [8] * 3, [8] * 3, -2000), sitk.sitkInt16),
            "moved.nii.gz holds nothing below 0",
        ),
        (
            lambda image: image - 1024,
            "moved.nii.gz holds next to nothing from -150 to 300 where HU have soft tissue",
        ),
    ],
    ids=["offset", "mask", "offset in padding", "offset taken off twice"],
)
def test_values_that_are_no_hu_are_named_where_nothing_fits(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[sitk.Image], sitk.Image],
    said: str,
) -> None:
    moving = sitk.Clamp(sitk.ReadImage(str(files / "moving.nii.gz")), lowerBound=-1024)
    sitk.WriteImage(change(moving), str(tmp_path / "moved.nii.gz"))
    arguments = [str(files / "reference.nii.gz"), str(tmp_path / "moved.nii.gz")]
    assert main([*arguments, "--transform", str(tmp_path / "t.tfm")]) == 0
    assert said in capsys.readouterr().out


def test_an_offset_of_both_volumes_is_named_whatever_the_verdict(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registration.decision.judge", lambda *_: ("ok", ()))
    for name in ("reference", "moving"):
        image = sitk.Clamp(sitk.ReadImage(str(files / f"{name}.nii.gz")), lowerBound=-1024)
        sitk.WriteImage(image + 1024, str(tmp_path / f"{name}.nii.gz"))
    given = [str(tmp_path / "reference.nii.gz"), str(tmp_path / "moving.nii.gz")]
    assert main([*given, "--transform", str(tmp_path / "t.tfm")]) == 0
    said = capsys.readouterr().out
    for path in given:
        assert f"{path} holds nothing below 0" in said


def test_volumes_in_hu_are_no_reason_for_a_word_about_them(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(files / "reference.nii.gz"), str(files / "moving.nii.gz")]
    assert main([*given, "--transform", str(tmp_path / "t.tfm")]) == 0
    assert "HU have" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mm", "clause"),
    [(1000.0, "the header seems to be in metres"), (10.0, r"is 13 mm long \(26 slices of 0\.5 mm\)")],
)
@pytest.mark.parametrize("ending", [".nii.gz", ".mha"])
def test_a_header_in_another_unit_is_asked_about(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], mm: float, clause: str, ending: str
) -> None:
    given = []
    for name in ("reference", "moving"):
        image = sitk.ReadImage(str(files / f"{name}.nii.gz"))
        image.SetSpacing([size / mm for size in image.GetSpacing()])
        image.SetOrigin([place / mm for place in image.GetOrigin()])
        given.append(tmp_path / f"{name}{ending}")
        sitk.WriteImage(image, str(given[-1]))
    arguments = [*map(str, given), "--transform", str(tmp_path / "t.tfm")]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert str(given[0]) in said
    assert re.search(clause, said)
    assert "pass --accept spacing" in said
    assert not (tmp_path / "t.tfm").exists()
    for call in (lambda: mp.register(*given), lambda: mp.align_phases({"pv": given[0]}, "pv")):
        with pytest.raises(mp.InputError, match=clause):
            call()


def test_a_size_that_no_scanner_makes_is_taken_where_the_user_insists(files: Path, tmp_path: Path) -> None:
    image = sitk.ReadImage(str(files / "reference.nii.gz"))
    image.SetSpacing([6.0, 6.0, 20.5])
    sitk.WriteImage(image, str(tmp_path / "thick.nii.gz"))
    with pytest.raises(ValueError, match="as no scanner makes"):
        refuse_unclear_header(tmp_path / "thick.nii.gz", ["orientation"])
    refuse_unclear_header(tmp_path / "thick.nii.gz", ["spacing"])


def test_the_functions_ask_as_well(files: Path, unplaced: Path) -> None:
    reference, mask = files / "reference.nii.gz", files / "mask.nii.gz"
    with pytest.raises(mp.InputError, match="which side is the patient's right"):
        mp.register(reference, unplaced)
    with pytest.raises(mp.InputError, match="which side is the patient's right"):
        mp.align_phases({"pv": reference, "art": unplaced}, "pv")
    with pytest.raises(mp.InputError, match="which side is the patient's right"):
        mp.lesion_table(mask, {"pv": unplaced})
    other = sitk.ReadImage(str(unplaced)) + 1
    mp.align_phases(
        {"pv": other, "art": unplaced}, "pv", registered=True, accept=["orientation", "liver-side"]
    )


@pytest.mark.parametrize(
    ("verdict", "options", "status"),
    [("failed", ["--strict"], 1), ("failed", [], 0), ("check", ["--strict"], 0)],
)
def test_strict_makes_a_failed_verdict_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, verdict: str, options: list[str], status: int
) -> None:
    monkeypatch.setattr("registration.__main__._run", lambda *_: verdict)
    arguments = ["a.nii.gz", "b.nii.gz", "--transform", "t.tfm", *options]
    assert main(arguments) == status
    assert command(["register", *arguments]) == status
