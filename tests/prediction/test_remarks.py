"""What has to be known before a patient's numbers are believed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import write_case

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_name import case_id
from nnunet_multiphase.patients.inputs import Patient
from nnunet_multiphase.prediction.prepare import prepare_case
from nnunet_multiphase.prediction.remarks import remarks_on


def liver(millilitres: int) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ones((10, 10, millilitres // 100), np.uint8))
    image.SetSpacing((10.0, 10.0, 10.0))  # a voxel is a ml
    return image


def told(
    folder: Path,
    *,
    name: str = "odd_name",
    unused: bool = False,
    mask: sitk.Image | None = None,
    source: str | None = "mask",
    filled: tuple[str, ...] = (),
    passed_over: tuple[str, ...] = (),
    doubts: tuple[str, ...] = (),
) -> str:
    case = SimpleNamespace(
        name=name,
        path=folder,
        reference="art",
        unused_liver=Path("liver_pv.nii.gz") if unused else None,
    )
    lesions = [
        SimpleNamespace(outside_liver=o, volume_ml=v, cut_off=())
        for o, v in ((False, 5.0), (True, 2.0), (True, 1.5))
    ]
    measures = SimpleNamespace(liver_source=source, lesions=lesions if source == "mask" else [])
    prepared = SimpleNamespace(
        case=case, liver=mask, filled=filled, doubts=doubts, passed_over=passed_over, usual_reference="pv"
    )
    return " | ".join(remarks_on(prepared, measures))  # type: ignore[arg-type]


def test_lesions_outside_the_liver_are_counted(tmp_path: Path) -> None:
    assert "2 of 3 lesions (3.50 ml) lie outside the liver" in told(tmp_path)


def test_a_name_that_was_changed_is_told(tmp_path: Path) -> None:
    (tmp_path / "odd name").mkdir()
    assert "the results of odd name are called odd_name" in told(tmp_path / "odd name")
    (tmp_path / "odd_name").mkdir()
    assert "are called" not in told(tmp_path / "odd_name")


def test_a_name_that_is_only_too_long_is_told_so(tmp_path: Path) -> None:
    for name, more in (("x" * 170, ""), ("x y" * 60, ", and so are some of its characters")):
        said = told(tmp_path / name, name=case_id(name))
        assert f"its {len(name)} bytes, more than 128, are not safe in file names{more}" in said
        assert said.count("characters") == bool(more)


def test_the_folder_of_loose_files_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "Smith_John_1955").mkdir()
    assert "Smith" not in told(tmp_path / "Smith_John_1955", name="study_17")


@pytest.mark.parametrize(
    ("filled", "warned"), [(("pv",), True), (("nc", "pv"), True), (("nc",), False), ((), False)]
)
def test_a_lacking_usual_reference_is_told(tmp_path: Path, filled: tuple[str, ...], warned: bool) -> None:
    said = told(tmp_path, filled=filled)
    assert ("pv is lacking, the usual reference of the model's training cases" in said) is warned


def test_a_phase_that_was_passed_over_is_told(tmp_path: Path) -> None:
    assert "the file of nc was passed over" in told(tmp_path, passed_over=("nc",))


def test_what_the_check_doubts_comes_first(tmp_path: Path) -> None:
    said = told(
        tmp_path, name="one", doubts=("case one, phase art: 5 slices are uneven", "case one: swapped?")
    )
    assert said.startswith("phase art: 5 slices are uneven | swapped? | ")


def test_a_mask_that_was_not_used_is_told(tmp_path: Path) -> None:
    assert "liver_pv.nii.gz was not used" in told(tmp_path, unused=True)


@pytest.mark.parametrize(("millilitres", "small"), [(200, True), (400, False)])
def test_a_mask_that_is_no_whole_liver_is_told(tmp_path: Path, millilitres: int, small: bool) -> None:
    assert ("less than 300 ml" in told(tmp_path, mask=liver(millilitres))) is small


def test_without_a_liver_that_is_told(tmp_path: Path) -> None:
    assert "no liver is known" in told(tmp_path, source=None)


def test_no_folder_that_may_be_called_by_a_persons_name_comes_into_the_results(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "Doe_Jane" / "one", phases=("art",))
    image = sitk.ReadImage(str(folder / "art.nii.gz"))
    image[:, :10, :] = -2000
    sitk.WriteImage(image, str(folder / "art.nii.gz"))
    loose = CaseFolder("x", folder, "x", {"art": folder / "art.nii.gz"}, "art", None, None)
    for case, called in ((folder, "art.nii.gz"), (loose, "the file of art")):
        (doubt,) = prepare_case(case, ("art",)).doubts
        assert f"phase art: {called} holds -2000" in doubt


def test_what_failed_is_kept_without_the_folders_above_its_case(tmp_path: Path) -> None:
    case = tmp_path / "Doe_Jane" / "one"
    assert Patient("one", case).without_paths(f"{case / 'art.nii.gz'} is cut off") == "art.nii.gz is cut off"
