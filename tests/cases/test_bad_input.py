"""Bad input: one sentence naming case and file, a nonzero exit, nothing left behind."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import write_case

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import read_volume

pytestmark = pytest.mark.slow

Setup = Callable[..., tuple[int, str]]
Folders = tuple[Path, Path]
TWO_PHASES = ("--phases", "art", "pv")


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Write two good cases; each test spoils the second."""
    for number in (1, 2):
        write_case(tmp_path / "cohort" / f"case_{number}", phases=("art", "pv"), liver=True, seed=number)
    return tmp_path / "cohort"


def error_lines(stderr: str) -> list[str]:
    """Pick the sentences said about errors."""
    return [line for line in stderr.replace("\r", "\n").splitlines() if line.startswith("error: ")]


def refused(setup_command: Setup, folders: Folders, cohort: Path, *options: str) -> str:
    """Run, make sure that it was refused and left nothing, and give the one sentence."""
    status, stderr = setup_command(cohort, *(options or TWO_PHASES))
    assert status == 2
    assert [list(folder.iterdir()) for folder in folders] == [[], []]
    (sentence,) = error_lines(stderr)
    return sentence


def test_missing_phase_is_named(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    (cohort / "case_2" / "pv.nii.gz").unlink()
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_2" in sentence
    assert "pv.nii.gz" in sentence
    assert "--missing" in sentence


def test_every_missing_phase_is_named_at_once(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path
) -> None:
    write_case(cohort / "case_3", phases=("nc", "art", "pv", "dl"), liver=True, seed=3)
    status, stderr = setup_command(cohort)  # all four phases wanted: nc and dl are missing in the first two
    lines = error_lines(stderr)
    assert status == 2
    assert len(lines) == 2
    assert all(
        f"case_{n}" in line and "nc.nii.gz, dl.nii.gz" in line for n, line in enumerate(lines, start=1)
    )
    assert not list(nnunet_folders[0].iterdir())


def test_missing_lesion_mask(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    (cohort / "case_2" / "lesions_art.nii.gz").unlink()
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_2" in sentence
    assert "lesions_<phase>.nii.gz" in sentence


def test_mask_without_its_phase(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    (cohort / "case_2" / "liver_art.nii.gz").rename(cohort / "case_2" / "liver_dl.nii.gz")
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_2" in sentence
    assert "liver_dl.nii.gz" in sentence
    assert "dl.nii.gz" in sentence


def test_cohort_folder_that_is_not_there(
    setup_command: Setup, nnunet_folders: Folders, tmp_path: Path
) -> None:
    assert "nowhere" in refused(setup_command, nnunet_folders, tmp_path / "nowhere")


def test_empty_cohort_folder(setup_command: Setup, nnunet_folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    sentence = refused(setup_command, nnunet_folders, tmp_path / "cohort")
    assert str(tmp_path / "cohort") in sentence
    assert "empty" in sentence


def test_cohort_folder_with_files_only(setup_command: Setup, nnunet_folders: Folders, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    for name in ("a_art.nii.gz", "a_pv.nii.gz", ".DS_Store"):
        (cohort / name).touch()
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert f"{cohort} holds 2 files but no folder" in sentence
    assert str(cohort / "patient_01" / "pv.nii.gz") in sentence
    assert "empty" not in sentence


def test_empty_case_folder(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    (cohort / "case_3").mkdir()
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_3" in sentence
    assert "nc.nii.gz" in sentence


def test_unknown_phase_name(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    shutil.copy(cohort / "case_2" / "pv.nii.gz", cohort / "case_2" / "portal.nii.gz")
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_2" in sentence
    assert "portal.nii.gz" in sentence
    assert "nc.nii.gz, art.nii.gz, pv.nii.gz, dl.nii.gz" in sentence


def test_mask_of_an_unknown_phase(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    (cohort / "case_2" / "liver_art.nii.gz").rename(cohort / "case_2" / "liver_late.nii.gz")
    assert "liver_late.nii.gz" in refused(setup_command, nnunet_folders, cohort)


def test_one_phase_in_two_files(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    sitk.WriteImage(sitk.ReadImage(str(cohort / "case_2" / "pv.nii.gz")), str(cohort / "case_2" / "pv.nii"))
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_2" in sentence
    assert "pv.nii" in sentence


def test_lesions_on_two_phases(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    shutil.copy(cohort / "case_2" / "lesions_art.nii.gz", cohort / "case_2" / "lesions_pv.nii.gz")
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "lesions_art.nii.gz, lesions_pv.nii.gz" in sentence


def test_folders_that_become_one_case(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    shutil.copytree(cohort / "case_2", cohort / "case 2")
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "duplicate" in sentence
    assert "case 2" in sentence
    assert "case_2" in sentence


def spoil_with_text(path: Path) -> None:
    path.write_text("no image")


def spoil_by_emptying(path: Path) -> None:
    path.write_bytes(b"")


def spoil_by_cutting_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [spoil_with_text, spoil_by_emptying, spoil_by_cutting_off, spoil_a_byte])
@pytest.mark.parametrize("name", ["pv.nii.gz", "lesions_art.nii.gz"])
def test_unreadable_file(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    spoil(cohort / "case_2" / name)
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case case_2" in sentence
    assert str(cohort / "case_2" / name) in sentence


def test_cut_off_file_without_compression(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path
) -> None:
    packed, plain = cohort / "case_2" / "pv.nii.gz", cohort / "case_2" / "pv.nii"
    sitk.WriteImage(sitk.ReadImage(str(packed)), str(plain))
    packed.unlink()
    spoil_by_cutting_off(plain)
    assert str(plain) in refused(setup_command, nnunet_folders, cohort)


def resized(mask: sitk.Image) -> sitk.Image:
    return mask[:, :, 1:]


def respaced(mask: sitk.Image) -> sitk.Image:
    mask.SetSpacing((5.0, 5.0, 7.5))
    return mask


def moved(mask: sitk.Image) -> sitk.Image:
    mask.SetOrigin([v + 3 for v in mask.GetOrigin()])
    return mask


def straightened(mask: sitk.Image) -> sitk.Image:
    mask.SetDirection((1, 0, 0, 0, 1, 0, 0, 0, 1))
    return mask


@pytest.mark.parametrize("name", ["lesions_art.nii.gz", "liver_art.nii.gz"])
@pytest.mark.parametrize(
    ("change", "said"),
    [(resized, "voxels"), (respaced, "spacing"), (moved, "origin"), (straightened, "direction")],
)
def test_mask_with_another_geometry(
    setup_command: Setup,
    nnunet_folders: Folders,
    cohort: Path,
    name: str,
    change: Callable[[sitk.Image], sitk.Image],
    said: str,
) -> None:
    path = cohort / "case_2" / name
    sitk.WriteImage(change(sitk.ReadImage(str(path))), str(path))
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_2" in sentence
    assert name in sentence
    assert f"expected {said}" in sentence or (said == "voxels" and "36 x 30 x 14 voxels" in sentence)
    assert "found" in sentence


def test_mask_with_other_values(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    path = cohort / "case_2" / "lesions_art.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(path)) * 2, str(path))
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "lesions_art.nii.gz" in sentence
    assert "found 0, 2" in sentence


def test_empty_liver_mask(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    path = cohort / "case_2" / "liver_art.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(path)) * 0, str(path))
    assert "liver_art.nii.gz is empty" in refused(setup_command, nnunet_folders, cohort)


def test_four_dimensional_file(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    path = cohort / "case_2" / "pv.nii.gz"
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(sitk.JoinSeries(image, image), str(path))
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "pv.nii.gz" in sentence
    assert "x 2" in sentence


def test_values_that_are_no_numbers(setup_command: Setup, nnunet_folders: Folders, cohort: Path) -> None:
    path = cohort / "case_2" / "pv.nii.gz"
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float32)
    values[0, 0, 0] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    assert "NaN" in refused(setup_command, nnunet_folders, cohort)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_values_that_are_no_numbers_in_a_file_with_an_odd_length(tmp_path: Path, ending: str) -> None:
    path = float_file(tmp_path, ending, lowest=np.nan, extra=b"\0")
    with pytest.raises(InputError, match="NaN"):
        read_volume(path)


def test_bytes_behind_the_volume_are_no_values(tmp_path: Path) -> None:
    path = float_file(tmp_path, ".nii", lowest=-1000.0, extra=b"\xff" * 8)  # two float32 NaN
    assert sitk.GetArrayFromImage(read_volume(path)).min() == -1000.0


def float_file(folder: Path, ending: str, *, lowest: float, extra: bytes) -> Path:
    """Write a float32 volume with one given value and some bytes behind its end."""
    values = np.zeros((5, 5, 5), np.float32)
    values[2, 2, 2] = lowest
    path = folder / f"pv{ending}"
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    if ending == ".nii.gz":
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + extra))
    else:
        path.write_bytes(path.read_bytes() + extra)
    return path


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_volume_too_thin_to_be_registered(tmp_path: Path, axis: int) -> None:
    size = [6, 6, 6]
    size[axis] = 3
    sitk.WriteImage(sitk.Image(size, sitk.sitkInt16), str(tmp_path / "pv.nii.gz"))
    with pytest.raises(InputError, match=r"pv\.nii\.gz is too thin .* at least 4 voxels"):
        read_volume(tmp_path / "pv.nii.gz")


def test_every_problem_of_every_case_is_listed(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path
) -> None:
    (cohort / "case_1" / "lesions_art.nii.gz").unlink()
    spoil_with_text(cohort / "case_2" / "art.nii.gz")
    spoil_with_text(cohort / "case_2" / "pv.nii.gz")
    status, stderr = setup_command(cohort, *TWO_PHASES)
    assert status == 2
    assert len(error_lines(stderr)) == 3


@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed"])
def test_variable_that_is_unset(
    setup_command: Setup,
    nnunet_folders: Folders,
    cohort: Path,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(variable)
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert f"{variable} is not set" in sentence
    assert f"export {variable}=" in sentence


@pytest.mark.parametrize("place", [0, 1])
def test_existing_dataset_id(setup_command: Setup, nnunet_folders: Folders, cohort: Path, place: int) -> None:
    taken = nnunet_folders[place] / "Dataset501_Other"
    taken.mkdir()
    status, stderr = setup_command(cohort, *TWO_PHASES)
    (sentence,) = error_lines(stderr)
    assert status == 2
    assert "501" in sentence
    assert str(taken) in sentence
    assert [p for folder in nnunet_folders for p in folder.rglob("*")] == [taken]


def test_overwrite_spares_a_dataset_of_another_name(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path
) -> None:
    taken = nnunet_folders[0] / "Dataset501_Other"
    taken.mkdir()
    status, _ = setup_command(cohort, *TWO_PHASES, "--overwrite")
    assert status == 2
    assert taken.is_dir()


def test_case_that_the_patient_table_forgets(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path
) -> None:
    (cohort / "patients.csv").write_text("case,patient\ncase_1,A\n")
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert "case_2" in sentence
    assert "patients.csv" in sentence


def test_patient_table_with_another_header(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path
) -> None:
    (cohort / "patients.csv").write_text("folder,id\ncase_1,A\n")
    assert "expected a header with case, patient" in refused(setup_command, nnunet_folders, cohort)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--phases", "art"), "two"),
        (("--phases", "art", "art"), "two"),
        ((*TWO_PHASES, "--test-fraction", "1"), "fraction"),
        ((*TWO_PHASES, "--folds", "1"), "folds"),
        ((*TWO_PHASES, "--jobs", "0"), "jobs"),
        ((*TWO_PHASES, "--dataset-id", "1000"), "999"),
        ((*TWO_PHASES, "--name", "Liver CT"), "--name"),
        ((*TWO_PHASES, "--seed", "-1"), "seed"),
    ],
)
def test_option_that_makes_no_sense(
    setup_command: Setup, nnunet_folders: Folders, cohort: Path, options: tuple[str, ...], said: str
) -> None:
    assert said in refused(setup_command, nnunet_folders, cohort, *options)


def test_folder_that_cannot_be_written(
    setup_command: Setup,
    nnunet_folders: Folders,
    cohort: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "file"))
    sentence = refused(setup_command, nnunet_folders, cohort)
    assert str(tmp_path / "file") in sentence
