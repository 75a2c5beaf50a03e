"""Facts about the cohort on disk: layout, geometry, masks, determinism, bad input."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phantom import make_cohort
from nnunet_multiphase.phantom.cohort import make_case, sample_case
from nnunet_multiphase.phantom.lesions import KINDS
from nnunet_multiphase.phantom.render import render_hu
from nnunet_multiphase.phantom.truth import read_truth
from nnunet_multiphase.phases import PHASES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_cohort(tmp_path_factory.mktemp("phantom"), cases=2, seed=3)


def array(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_every_case_holds_four_phases_two_masks_and_the_truth(cohort: list[Path]) -> None:
    for folder in cohort:
        reference = read_truth(folder)["reference"]
        files = {f"{phase}.nii.gz" for phase in PHASES} | {
            f"lesions_{reference}.nii.gz",
            f"liver_{reference}.nii.gz",
            "truth.json",
        }
        assert {path.name for path in folder.iterdir()} == files


def test_same_seed_gives_the_same_bytes(cohort: list[Path], tmp_path: Path) -> None:
    again = make_case(tmp_path, 2, seed=3)
    for path in sorted(cohort[1].iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_another_seed_gives_another_patient() -> None:
    assert sample_case(1, seed=0).patient.anatomy.fat_mm != sample_case(1, seed=1).patient.anatomy.fat_mm


def test_a_case_does_not_depend_on_the_number_of_cases(cohort: list[Path]) -> None:
    # the second of two equals the second drawn alone
    alone = sample_case(2, seed=3)
    truth = read_truth(cohort[1])
    assert truth["noise_hu"] == alone.noise_hu


def test_every_phase_has_a_grid_of_its_own(cohort: list[Path]) -> None:
    for folder in cohort:
        images = [sitk.ReadImage(str(folder / f"{phase}.nii.gz")) for phase in PHASES]
        for fact in ("GetOrigin", "GetDirection", "GetSpacing"):
            assert len({tuple(np.round(getattr(image, fact)(), 3)) for image in images}) == len(PHASES), fact


def test_slices_are_thicker_than_pixels(cohort: list[Path]) -> None:
    for folder in cohort:
        for phase in PHASES:
            x, y, z = sitk.ReadImage(str(folder / f"{phase}.nii.gz")).GetSpacing()
            assert x == y
            assert z > 1.25 * x


def test_masks_lie_on_the_reference_phases_grid(cohort: list[Path]) -> None:
    for folder in cohort:
        reference = read_truth(folder)["reference"]
        image = sitk.ReadImage(str(folder / f"{reference}.nii.gz"))
        for name in ("lesions", "liver"):
            mask = sitk.ReadImage(str(folder / f"{name}_{reference}.nii.gz"))
            assert mask.GetSize() == image.GetSize()
            assert mask.GetOrigin() == image.GetOrigin()
            assert mask.GetDirection() == image.GetDirection()
            assert mask.GetSpacing() == image.GetSpacing()


def test_lesions_lie_inside_the_liver(cohort: list[Path]) -> None:
    for folder in cohort:
        reference = read_truth(folder)["reference"]
        lesions = array(folder / f"lesions_{reference}.nii.gz")
        liver = array(folder / f"liver_{reference}.nii.gz")
        assert set(np.unique(lesions)) == {0, 1}
        assert not (lesions & ~liver & 1).any()


def test_each_lesion_of_the_truth_is_in_the_mask(cohort: list[Path]) -> None:
    for folder in cohort:
        truth = read_truth(folder)
        mask = sitk.ReadImage(str(folder / f"lesions_{truth['reference']}.nii.gz"))
        for lesion in truth["lesions"]:
            assert mask[mask.TransformPhysicalPointToIndex(lesion["centre_mm"])] == 1


def test_no_mimic_is_in_the_mask(cohort: list[Path]) -> None:
    for folder in cohort:
        truth = read_truth(folder)
        mask = sitk.ReadImage(str(folder / f"lesions_{truth['reference']}.nii.gz"))
        assert truth["mimics"]
        for mimic in truth["mimics"]:
            assert mask[mask.TransformPhysicalPointToIndex(mimic["centre_mm"])] == 0


def test_lesion_volume_is_that_of_balls_of_the_named_radii(cohort: list[Path]) -> None:
    for folder in cohort:
        truth = read_truth(folder)
        mask = sitk.ReadImage(str(folder / f"lesions_{truth['reference']}.nii.gz"))
        volume = sitk.GetArrayFromImage(mask).sum() * np.prod(mask.GetSpacing())
        balls = sum(4 / 3 * np.pi * lesion["radius_mm"] ** 3 for lesion in truth["lesions"])
        # the surface's bumps of up to 7 % of the radius, small lesions on thick slices, a lesion cut at the capsule
        assert volume == pytest.approx(balls, rel=0.25)


def test_noise_has_the_strength_the_truth_names(cohort: list[Path]) -> None:
    case = sample_case(1, seed=3)
    clean = render_hu(case.patient, case.motions["pv"], "pv", case.grids["pv"])
    noisy = array(cohort[0] / "pv.nii.gz")
    soft = (clean > -200) & (clean < 400)
    measured = (noisy[soft] - clean[soft]).std()
    # rounding to whole HU adds 0.29 HU in quadrature; the rest is the sample of some 1e5 voxels
    assert measured == pytest.approx(case.noise_hu["pv"], rel=0.02)


def test_ten_cases_deal_seven_pv_two_art_one_dl_masks() -> None:
    references = [sample_case(number, seed=5).reference for number in range(1, 11)]
    assert (references.count("pv"), references.count("art"), references.count("dl")) == (7, 2, 1)


def test_five_cases_hold_every_kind_and_one_to_four_lesions_each() -> None:
    patients = [sample_case(number, seed=0).patient for number in range(1, 6)]
    assert {lesion.kind for patient in patients for lesion in patient.lesions} == set(KINDS)
    assert all(1 <= len(patient.lesions) <= 4 for patient in patients)
    assert all(6 <= lesion.radius_mm <= 25 for patient in patients for lesion in patient.lesions)


def test_missing_fraction_takes_one_phase_but_never_the_reference() -> None:
    for number in range(1, 6):
        case = sample_case(number, seed=0, missing_fraction=1.0)
        assert len(case.missing) == 1
        assert case.reference not in case.missing
        assert sample_case(number, seed=0).missing == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cases": 0}, "at least one case"),
        ({"seed": -1}, "seed of 0 or more"),
        ({"size": "huge"}, "small, large"),
        ({"missing_fraction": 1.5}, "between 0 and 1"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_cohort(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_existing_case_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "case_007").mkdir()
    with pytest.raises(InputError, match="case_007"):
        make_cohort(tmp_path, cases=1)


def test_a_failure_leaves_no_half_written_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunet_multiphase.phantom import cohort as module

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("disk full")

    # the folder has been begun by the time the images are made
    monkeypatch.setattr(module, "render_case", full_disk)
    with pytest.raises(OSError, match="disk full"):
        make_case(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_the_command_imports_nothing_heavy_before_it_runs() -> None:
    code = (
        "import sys, nnunet_multiphase.cli.phantom;"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'SimpleITK', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
