"""Liver and lesion as two classes or regions, and masks whose labels are other than 0 and 1."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from built_dataset import Built, build
from tiny_phases import LIVER, mask_image, write_case

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.case_table import scan_table
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.inputs import Inputs
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.dataset.target_classes import TargetClasses, target_classes
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow

LITS = MaskRule(lesion_labels=(2,), liver_labels=(1, 2))


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    image = sitk.ReadImage(str(path))
    changed = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(image)).astype(np.uint8))
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one case with masks of lesion and liver; a part of the lesion lies beyond the liver."""
    raw = tmp_path_factory.mktemp("two_classes")
    folder = write_case(raw / "case_1", phases=("art", "pv"), liver=True)
    lesion = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "lesions_art.nii.gz")))
    edge = np.zeros_like(lesion)
    edge[np.argwhere(lesion)[0][0]] = 1  # the lesion's first slice is not liver
    rewrite(folder / "liver_art.nii.gz", lambda liver: liver & ~(lesion & edge))
    return raw


@pytest.fixture(scope="module")
def made(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return two_classes(cohort, tmp_path_factory.mktemp("made"))


def two_classes(cohort: Path, place: Path, **options: Any) -> Built:
    defaults = {"phases": ("art", "pv"), "test_fraction": 0.0, "targets": TargetClasses(liver=True)}
    return build(cohort, place, **(defaults | options))


def test_label_files_hold_liver_1_and_lesion_2(made: Built) -> None:
    label = sitk.ReadImage(str(made.label("case_1")))
    liver, lesions = (
        # The reference is cropped, never resampled: nearest neighbour finds the voxels themselves.
        sitk.GetArrayFromImage(
            sitk.Resample(sitk.ReadImage(str(path)), label, sitk.Transform(), sitk.sitkNearestNeighbor)
        )
        for path in (made.cohort / "case_1" / f"{kind}_art.nii.gz" for kind in ("liver", "lesions"))
    )
    values = sitk.GetArrayFromImage(label)
    assert (liver & lesions).sum() < lesions.sum()  # the fixture's point
    assert np.array_equal(values == 2, lesions == 1)
    assert np.array_equal(values >= 1, (liver == 1) | (lesions == 1))
    assert made.record["labels"] == {"background": 0, "liver": 1, "lesion": 2}
    assert "regions_class_order" not in made.record


def test_nnunet_reads_regions_as_whole_liver_and_lesion() -> None:
    from nnunetv2.utilities.label_handling.label_handling import LabelManager

    record = TargetClasses(liver=True, regions=True).record()
    manager = LabelManager(record["labels"], record["regions_class_order"])
    assert manager.has_regions
    assert manager.foreground_regions == [(1, 2), 2]
    assert manager.num_segmentation_heads == 2
    heads = np.zeros((2, 1, 1, 4), np.float32)
    heads[0, ..., 1:] = 1  # liver from voxel 1 on
    heads[1, ..., 2] = 1  # lesion at voxel 2
    assert manager.convert_probabilities_to_segmentation(heads).ravel().tolist() == [0, 1, 2, 1]


def test_regions_are_published_with_their_order(cohort: Path, made: Built, tmp_path: Path) -> None:
    regions = two_classes(cohort, tmp_path, targets=TargetClasses(liver=True, regions=True))
    assert regions.record["labels"] == {"background": 0, "liver": [1, 2], "lesion": 2}
    assert regions.record["regions_class_order"] == [1, 2]
    assert regions.label("case_1").read_bytes() == made.label("case_1").read_bytes()


def test_one_file_of_liver_and_lesion_gives_the_same(cohort: Path, made: Built, tmp_path: Path) -> None:
    raw = tmp_path / "lits"
    shutil.copytree(cohort, raw)
    folder = raw / "case_1"
    liver = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "liver_art.nii.gz")))
    (folder / "liver_art.nii.gz").unlink()
    rewrite(folder / "lesions_art.nii.gz", lambda lesions: np.where(lesions == 1, 2, liver))
    same = two_classes(raw, tmp_path, inputs=Inputs(masks=LITS))
    assert same.label("case_1").read_bytes() == made.label("case_1").read_bytes()


@pytest.mark.parametrize("where", ["nowhere", "on pv", "below"])
def test_a_case_without_liver_on_the_reference_is_named(cohort: Path, tmp_path: Path, where: str) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(cohort, raw)
    mask = raw / "case_1" / "liver_art.nii.gz"
    if where == "below":  # as TotalSegmentator writes it
        (raw / "case_1" / "segmentations").mkdir()
        mask.rename(raw / "case_1" / "segmentations" / "liver.nii.gz")
    else:
        mask.unlink()
    if where == "on pv":
        pv = sitk.ReadImage(str(raw / "case_1" / "pv.nii.gz"))
        sitk.WriteImage(mask_image(pv, LIVER), str(raw / "case_1" / "liver_pv.nii.gz"))
    found = {
        "nowhere": "found none",
        "on pv": r"found .*liver_pv\.nii\.gz on another phase",
        "below": r"found segmentations/liver\.nii\.gz: if that liver was drawn on art, .*, move it up",
    }[where]
    with pytest.raises(
        InputError, match=rf"case case_1: --labels liver lesion needs liver_art\.nii\.gz.*{found}"
    ):
        two_classes(raw, tmp_path)


@pytest.mark.parametrize(("value", "refused"), [(255, True), (2, True), (1, False)])
def test_a_mask_of_another_value_needs_the_option(
    cohort: Path, tmp_path: Path, value: int, refused: bool
) -> None:
    folder = tmp_path / "case_1"
    shutil.copytree(cohort / "case_1", folder)
    rewrite(folder / "lesions_art.nii.gz", lambda lesions: lesions * value)
    problems = check_case(read_case_folder(folder, require_lesions=True)).problems
    assert [f"--lesion-labels {value}" in problem for problem in problems] == [True] * refused
    rule = MaskRule(lesion_labels=(value,))
    assert check_case(read_case_folder(folder, require_lesions=True, masks=rule)).problems == ()


def test_labels_that_nobody_named_are_refused(cohort: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case_1"
    shutil.copytree(cohort / "case_1", folder)
    rewrite(folder / "lesions_art.nii.gz", lambda lesions: np.where(lesions == 1, 2, np.roll(lesions, 5) * 3))
    refused = check_case(read_case_folder(folder, require_lesions=True, masks=MaskRule(lesion_labels=(2,))))
    assert "--other-labels" in refused.problems[0]
    rule = MaskRule(lesion_labels=(2,), other_labels=(3,))
    assert check_case(read_case_folder(folder, require_lesions=True, masks=rule)).problems == ()


def test_a_table_knows_labels_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("case,art,pv,lesions,reference\nx,1,2,3,art\n")
    (case,), problems, _ = scan_table(tmp_path / "t.csv", tmp_path, LITS)
    assert problems == []
    assert case.lesions is not None
    assert case.liver is not None
    assert (case.lesions.values, case.lesions.others) == ((2,), (1,))
    assert (case.liver.paths, case.liver.values) == (case.lesions.paths, (1, 2))


@pytest.mark.usefixtures("nnunet_folders")
def test_a_patterns_mask_of_liver_and_lesion_needs_no_liver_pattern(
    cohort: Path, tmp_path: Path, setup_command: Callable
) -> None:
    raw = tmp_path / "lits"
    shutil.copytree(cohort, raw)
    for folder in raw.iterdir():
        liver = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "liver_art.nii.gz")))
        (folder / "liver_art.nii.gz").unlink()
        rewrite(folder / "lesions_art.nii.gz", lambda lesions, liver=liver: np.where(lesions == 1, 2, liver))
    pattern = ("--pattern", "{case}/{phase}.nii.gz", "--lesions", "{case}/lesions_{phase}.nii.gz")
    labels = ("--lesion-labels", "2", "--liver-labels", "1", "2", "--labels", "liver", "lesion")
    assert setup_command(raw, *pattern, *labels, "--phases", "art", "pv", "--dry-run")[0] == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--labels", "liver"), "--labels liver: expected lesion, or liver lesion"),
        (("--labels", "lesion", "lesion"), "--labels lesion lesion: expected"),
        (("--regions",), "--regions: only with --labels liver lesion"),
        (("--lesion-labels", "0"), "--lesion-labels 0: expected labels from 1 on"),
        (("--preset", "lits", "--lesion-labels", "1"), "--lesion-labels: not with --preset"),
    ],
)
@pytest.mark.usefixtures("nnunet_folders")
def test_options_that_do_not_fit_are_refused(
    cohort: Path, setup_command: Callable, options: tuple[str, ...], sentence: str
) -> None:
    status, said = setup_command(cohort, "--phases", "art", "pv", *options, "--dry-run")
    assert status == 2
    assert sentence in said


def test_the_order_of_the_labels_is_of_no_matter() -> None:
    assert target_classes(["lesion", "liver"], regions=True) == TargetClasses(liver=True, regions=True)
