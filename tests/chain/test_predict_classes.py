"""Two-class models: all labels are written, lesions alone are measured."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import AlignedPhases
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.identity import Identity
from nnunet_multiphase.models.model import told_of_classes
from nnunet_multiphase.prediction import (
    PreparedCase,
    Segmented,
    SegmentedCase,
    model_lesion_labels,
    predict_case,
    refuse_other_labels,
    write_label_record,
    write_prediction,
)
from nnunet_multiphase.volumes.orientation import stored_grid

CLASSES = {"background": 0, "liver": 1, "lesion": 2}


def model(labels: dict) -> SimpleNamespace:
    record = {"labels": labels, "file_ending": ".nii.gz", "reference_phase": {"Mrs_Jones": "pv"}}
    return SimpleNamespace(record=record)


@pytest.fixture
def segmentation() -> sitk.Image:
    """A liver of 6 x 8 x 8 voxels with two lesions of 2 x 2 x 2 and 1 x 1 x 3."""
    labels = np.zeros((8, 12, 12), np.uint8)
    labels[1:7, 2:10, 2:10] = 1
    labels[2:4, 3:5, 3:5] = 2
    labels[5, 7, 5:8] = 2
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((1.0, 1.0, 2.0))
    return image


def prepared(grid: sitk.Image, folder: Path) -> PreparedCase:
    hu = sitk.GetImageFromArray(np.full(grid.GetSize()[::-1], 60, np.int16))
    hu.CopyInformation(grid)
    case = CaseFolder("a", folder, "a", {"pv": folder / "pv.nii.gz"}, "pv", None, None)
    box = ((0, 0, 0), grid.GetSize())
    aligned = AlignedPhases("pv", {"pv": hu}, {"pv": sitk.Euler3DTransform()}, {}, box, grid.GetSize(), 1.0)
    return PreparedCase(case, ("pv",), (), {"pv": hu}, {"pv": stored_grid(hu)}, None, aligned)


def test_the_table_holds_lesions_and_the_file_every_class(segmentation: sitk.Image, tmp_path: Path) -> None:
    lesions = model_lesion_labels(model(CLASSES))
    found = SegmentedCase(segmentation, sitk.Cast(segmentation == 2, sitk.sitkFloat32))
    written = write_prediction(prepared(segmentation, tmp_path), found, tmp_path / "o", lesion_labels=lesions)
    with written.lesion_csv.open(newline="") as stream:
        volumes_ml = [float(row["volume_ml"]) for row in csv.DictReader(stream)]
    assert volumes_ml == pytest.approx([8 * 0.002, 3 * 0.002])
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(written.segmentation)))
    assert np.array_equal(values, sitk.GetArrayViewFromImage(segmentation))


IDENTITY = Identity("M", "Dataset1_A", "T", "P", "checkpoint_final.pth", ("0", "1"), True, 0.5, "torch")


@pytest.mark.parametrize("known", [True, False])
def test_the_record_says_which_model_answered(segmentation: sitk.Image, tmp_path: Path, known: bool) -> None:
    probability = np.zeros(segmentation.GetSize()[::-1], np.float32)
    answer = Segmented(sitk.GetArrayFromImage(segmentation), probability)
    told = SimpleNamespace(record=model(CLASSES).record, segment=lambda *_: answer)
    if known:
        told.identity = IDENTITY
    written = predict_case(told, prepared(segmentation, tmp_path), tmp_path / "o", everywhere=True)
    record = json.loads((tmp_path / "o" / "a_lesions.json").read_text(encoding="utf-8"))
    assert written.model == (IDENTITY if known else None)
    assert record["model"] == (
        {
            "name": "M",
            "dataset": "Dataset1_A",
            "trainer": "T",
            "plans": "P",
            "checkpoint": "checkpoint_final.pth",
            "folds": ["0", "1"],
            "mirroring": True,
            "step_size": 0.5,
            "runtime": "torch",
        }
        if known
        else None
    )


def test_a_model_that_names_no_lesion_needs_the_option() -> None:
    unnamed = model({"background": 0, "organ": 1, "finding": 2})
    with pytest.raises(
        InputError, match=r"the model's dataset\.json names no class lesion .*--lesion-labels"
    ):
        model_lesion_labels(unnamed)
    assert model_lesion_labels(unnamed, [2]) == (2,)
    with pytest.raises(InputError, match="--lesion-labels 3: the model's"):
        model_lesion_labels(unnamed, [3])


def test_classes_that_are_not_counted_are_named() -> None:
    four = {"background": 0, "liver": 1, "hcc": 2, "metastasis": 3, "cyst": 4, "haemangioma": 5}
    told = told_of_classes(model(four))
    assert told.startswith(
        "labels 2 3 count as lesions; cyst (4), haemangioma (5) will be in the masks and in no table"
    )
    assert told_of_classes(model(four), [2, 3, 4, 5]) == ""
    assert "hcc (2)" in told_of_classes(model(four), [3])
    for organs in (CLASSES, {"background": 0, "lesion": 1}, {"background": 0, "liver": [1, 2], "lesion": 2}):
        assert told_of_classes(model(organs)) == ""


@pytest.mark.parametrize(
    "labels",
    [
        CLASSES,
        {"background": 0, "liver": [1, 2], "lesion": 2},
        {"background": 0, "liver": 1, "liver tumour": 2},
    ],
)
def test_an_organ_that_counts_as_lesion_is_told(labels: dict) -> None:
    for chosen in ([1, 2], [1]):
        told = told_of_classes(model(labels), chosen)
        assert told.startswith("label 1 will be measured as lesions")
        assert "the model calls it liver" in told
    assert told_of_classes(model(labels), [2]) == told_of_classes(model(labels)) == ""


def test_what_labels_mean_is_written_beside_and_nothing_of_the_training_cases(tmp_path: Path) -> None:
    write_label_record(model(CLASSES), tmp_path)
    assert json.loads((tmp_path / "dataset.json").read_text()) == {
        "labels": CLASSES,
        "file_ending": ".nii.gz",
    }


def test_predictions_of_two_meanings_do_not_share_a_folder(tmp_path: Path) -> None:
    refuse_other_labels(model(CLASSES), tmp_path)
    write_label_record(model(CLASSES), tmp_path)
    refuse_other_labels(model(CLASSES), tmp_path)
    with pytest.raises(InputError, match=r"predictions with other labels lie there .*choose another -o"):
        refuse_other_labels(model({"background": 0, "lesion": 1}), tmp_path)


def test_a_second_run_leaves_nothing_of_the_first_that_it_did_not_write(
    segmentation: sitk.Image, tmp_path: Path
) -> None:
    found = SegmentedCase(segmentation, sitk.Cast(segmentation == 2, sitk.sitkFloat32))
    stale = [tmp_path / "o" / name for name in ("registration/a_nc.tfm", "grids/nc/a.nii.gz")]
    other = tmp_path / "o" / "registration" / "b_nc.tfm"  # another patient's
    for path in (*stale, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_prediction(prepared(segmentation, tmp_path), found, tmp_path / "o", lesion_labels=(2,))
    assert [path.exists() for path in (*stale, other)] == [False, False, True]
