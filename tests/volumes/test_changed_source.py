"""A source that changes in the middle of a run is refused or used as it is: never a mixture of before and after."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from tiny_phases import QUICK, write_case

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.dataset.convert import CaseJob, convert_case
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.prediction.prepare import prepare_case
from nnunet_multiphase.volumes import volume_file
from nnunet_multiphase.volumes.volume_file import read_volume

pytestmark = pytest.mark.slow


def brighter(path: Path) -> None:
    """Write another voxel into a file."""
    image = sitk.ReadImage(str(path))
    image[5, 5, 5] += 1
    sitk.WriteImage(image, str(path))


def emptied(path: Path) -> None:
    """Draw nothing in a mask."""
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(image * 0, str(path))


def cut(path: Path) -> None:
    """Leave half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def moved(path: Path) -> None:
    """Put a volume elsewhere, with the voxels that it has."""
    image = sitk.ReadImage(str(path))
    image.SetOrigin((1.0, 2.0, 3.0))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return write_case(tmp_path / "case", phases=("art", "pv"), liver=True)


def job_of(folder: Path, out: Path) -> CaseJob:
    case = read_case_folder(folder, require_lesions=True)
    for name in ("imagesTr", "labelsTr", "registration/overview"):
        (out / name).mkdir(parents=True)
    return CaseJob(case, "train", ("art", "pv"), out, QUICK, seen=check_case(case).parts)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("pv.nii.gz", brighter, "pv changed after the check"),
        ("pv.nii.gz", moved, "pv changed after the check"),
        ("pv.nii.gz", cut, "not readable to its end"),
        ("lesions_art.nii.gz", emptied, "lesions on art changed after the check"),
        ("liver_art.nii.gz", emptied, "liver on art changed after the check"),
        ("pv.nii.gz", Path.unlink, "does not exist"),
    ],
)
def test_a_file_that_changes_after_the_check_costs_its_case(
    case: Path, tmp_path: Path, name: str, change: Callable[[Path], None], words: str
) -> None:
    job = job_of(case, tmp_path / "dataset")
    change(case / name)
    outcome = convert_case(job)
    assert words in outcome.failure
    assert not [path for path in job.folder.rglob("*") if path.is_file()]


def test_files_that_do_not_change_are_converted(case: Path, tmp_path: Path) -> None:
    job = job_of(case, tmp_path / "dataset")
    shutil.copytree(case, tmp_path / "copy")
    shutil.rmtree(case)
    shutil.move(tmp_path / "copy", case)  # other files, of the same content
    assert convert_case(job).failure == ""
    assert convert_case(replace(job, seen={"another": "x"})).failure == ""


def test_predict_refuses_a_liver_that_changes_after_the_check(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_then_change(*arguments: object, **options: object) -> object:
        report = check_case(*arguments, **options)  # type: ignore[arg-type]
        emptied(case / "liver_art.nii.gz")
        return report

    monkeypatch.setattr("nnunet_multiphase.prediction.prepare.check_case", check_then_change)
    with pytest.raises(InputError, match="liver on art changed after the check"):
        prepare_case(case, ("art", "pv"), settings=QUICK)


@pytest.mark.parametrize("change", [brighter, cut, Path.unlink])
@pytest.mark.parametrize("name", ["x.nii.gz", "x.mha"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Path], None]
) -> None:
    """Between the look at its bytes and ITK's reading: ITK would take zeros for what is cut off by then."""
    path = tmp_path / name
    sitk.WriteImage(sitk.Image(8, 8, 8, sitk.sitkInt16) + 7, str(path))
    plain = volume_file._volume_of

    def read_and_change(*arguments: object) -> sitk.Image:
        image = plain(*arguments)  # type: ignore[arg-type]
        change(path)
        return image

    monkeypatch.setattr(volume_file, "_volume_of", read_and_change)
    with pytest.raises(InputError, match="changed while it was read"):
        read_volume(path)
