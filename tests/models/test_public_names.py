"""What `import nnunet_multiphase` offers: each name is there, described, and its example runs on a phantom."""

from __future__ import annotations

import doctest
import inspect
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import SimpleITK as sitk
from tiny_model import Exported

import nnunet_multiphase as mp
from nnunet_multiphase.api import prediction, segmentation, steps
from nnunet_multiphase.phantom.cohort import make_case

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
FUNCTIONS = [name for name in mp.__all__ if inspect.isfunction(getattr(mp, name))]
HOMES = (steps, prediction, segmentation)
EXAMPLES = [test for home in HOMES for test in doctest.DocTestFinder().find(home) if test.examples]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, exported: Exported) -> Iterator[Path]:
    """Go where the examples are: a phantom's case in cohort/, an exported model in model/."""
    out = tmp_path_factory.mktemp("public")
    make_case(out / "cohort", 1).rename(out / "cohort" / "case_001")
    shutil.copytree(exported.folder, out / "model")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)
        for name in ("nnUNet_raw", "nnUNet_preprocessed"):
            (out / name).mkdir()
            patch.setenv(name, str(out / name))
        yield out


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name.rpartition(".")[2])
def test_an_example_gives_what_it_says(example: doctest.DocTest) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example).failed == 0


def test_every_function_of_the_modules_has_an_example() -> None:
    homes = {home.__name__ for home in HOMES}
    in_module = {name for name in FUNCTIONS if getattr(mp, name).__module__ in homes}
    assert {test.name.rpartition(".")[2] for test in EXAMPLES} == in_module
    assert len(in_module) == 7


@pytest.mark.parametrize("name", mp.__all__)
def test_a_public_name_is_there_and_described(name: str) -> None:
    assert getattr(mp, name).__name__ == name
    assert f"`{name}" in DOCS.read_text(encoding="utf-8")


def test_a_name_that_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'registered'"):
        _ = mp.registered  # type: ignore[attr-defined]


def test_the_import_loads_no_library() -> None:
    heavy = "numpy", "SimpleITK", "torch", "nnunetv2", "scipy", "jinja2"
    code = f"import sys, nnunet_multiphase; print([n for n in {heavy!r} if n in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_files_and_images_give_the_same_transform() -> None:
    files = ["cohort/case_001/pv.nii.gz", "cohort/case_001/nc.nii.gz"]
    of_files, of_images = mp.register(*files), mp.register(*map(sitk.ReadImage, files))
    assert of_files.transform.GetParameters() == of_images.transform.GetParameters()


def test_only_the_named_labels_are_measured() -> None:
    lesions = sitk.ReadImage("cohort/case_001/lesions_pv.nii.gz") != 0
    doubled = sitk.Cast(lesions, sitk.sitkUInt8) * 2
    assert len(mp.lesion_table(doubled).lesions) >= 1
    with pytest.warns(UserWarning, match="no voxel of lesion_labels 1, only 2"):
        assert mp.lesion_table(doubled, lesion_labels=[1]).lesions == ()


def test_the_burden_is_the_lesions_share_of_the_liver_that_was_given() -> None:
    lesions, liver = (
        sitk.ReadImage(f"cohort/case_001/{name}_pv.nii.gz") != 0 for name in ("lesions", "liver")
    )
    table = mp.lesion_table("cohort/case_001/lesions_pv.nii.gz", liver="cohort/case_001/liver_pv.nii.gz")
    voxel_ml = math.prod(liver.GetSpacing()) / 1000
    whole, part = (int(sitk.GetArrayFromImage(image).sum()) for image in (liver | lesions, lesions))
    assert table.liver_ml == pytest.approx(whole * voxel_ml)
    assert table.burden_percent == pytest.approx(100 * part / whole)


def test_a_liver_on_another_grid_is_refused() -> None:
    liver = sitk.ReadImage("cohort/case_001/liver_pv.nii.gz")
    with pytest.raises(mp.InputError, match="the segmentation and the liver"):
        mp.lesion_table("cohort/case_001/lesions_pv.nii.gz", liver=liver[2:, :, :])


def test_a_liver_that_is_no_mask_is_refused() -> None:
    with pytest.raises(mp.InputError, match="the liver mask holds several values"):
        mp.lesion_table("cohort/case_001/lesions_pv.nii.gz", liver="cohort/case_001/nc.nii.gz")


@pytest.mark.parametrize(
    "use", [mp.lesion_table, lambda path: mp.register(path, path), lambda path: mp.evaluate(path, path)]
)
def test_a_file_that_is_not_there_is_named(use: Callable[[str], object]) -> None:
    with pytest.raises(mp.InputError, match=r"nobody\.nii\.gz does not exist"):
        use("cohort/nobody.nii.gz")


def test_a_folder_is_not_scored_against_a_single_segmentation() -> None:
    with pytest.raises(mp.InputError, match="two of a kind"):
        mp.evaluate("cohort", "cohort/case_001/lesions_pv.nii.gz")


def test_a_cohorts_own_masks_score_full_marks_against_themselves(tmp_path: Path) -> None:
    shutil.copy("cohort/case_001/lesions_pv.nii.gz", tmp_path / "case_001.nii.gz")
    assert mp.evaluate(tmp_path, "cohort").summary()["lesion_f1"] == 1.0
