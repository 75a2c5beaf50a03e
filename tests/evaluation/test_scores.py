"""Scores of crafted cases, counted by hand; what is undefined; faulty folders."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from panoptica import InputType, MaxBipartiteMatching, Metric, Panoptica_Evaluator, UnmatchedInstancePair
from scipy import ndimage

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_folders
from nnunet_multiphase.evaluation.lesions import label_lesions
from nnunet_multiphase.evaluation.matching import match_masks
from nnunet_multiphase.evaluation.scores import evaluate_case, write_scores

SPACING_XYZ = (1.0, 2.0, 4.0)
SHAPE = (6, 16, 30)


def mask(*boxes):
    """Mask with boxes given as (z, y, x, depth, height, width) in voxels."""
    array = np.zeros(SHAPE, np.uint8)
    for z, y, x, d, h, w in boxes:
        array[z : z + d, y : y + h, x : x + w] = 1
    return array


def image(array, origin=(0.0, 0.0, 0.0)):
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(SPACING_XYZ)
    made.SetOrigin(origin)
    return made


A = (0, 0, 0, 2, 4, 4)  # 32 voxels
B = (3, 8, 10, 2, 4, 8)  # 64 voxels
C = (0, 10, 24, 2, 2, 4)  # 16 voxels

# name: truth boxes, prediction boxes, found, missed, false, voxels of truth, prediction, overlap
CASES = {
    "perfect": ([A, B], [A, B], 2, 0, 0, 96, 96, 96),
    "one missed": ([A, B], [B], 1, 1, 0, 96, 64, 64),
    "one false": ([A], [A, C], 1, 0, 1, 32, 48, 32),
    "beside": ([A], [C], 0, 1, 1, 32, 16, 0),
    "shifted by a quarter": ([A], [(0, 0, 1, 2, 4, 4)], 1, 0, 0, 32, 32, 24),
    # overlap 2*4*1 = 8 of a union 32+64-8 = 88: IoU .0909 < .1
    "only brushed": ([A], [(0, 0, 3, 2, 4, 8)], 0, 1, 1, 32, 64, 8),
    # two true boxes of 32 with a gap of 2 x 4 x 2 = 16, one prediction over all 80: IoU .4 with each
    "two drawn as one": ([A, (0, 0, 6, 2, 4, 4)], [(0, 0, 0, 2, 4, 10)], 1, 1, 0, 64, 80, 64),
    # a true 64 drawn as two fragments of 24 and 32: IoU .375 and .5; the better one is the match
    "one drawn as two": ([B], [(3, 8, 10, 2, 4, 3), (3, 8, 14, 2, 4, 4)], 1, 0, 1, 64, 56, 56),
    "false alarm": ([], [C], 0, 0, 1, 0, 16, 0),
    "nothing predicted": ([A, C], [], 0, 2, 0, 48, 0, 0),
    "nothing there": ([], [], 0, 0, 0, 0, 0, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_lesions_of_a_crafted_case_are_counted_right(name):
    truth, prediction, found, missed, false, *_ = CASES[name]
    score, _ = evaluate_case(image(mask(*prediction)), image(mask(*truth)), case=name)
    assert (score.found, score.missed, score.false) == (found, missed, false)


@pytest.mark.parametrize("name", CASES)
def test_dice_and_volumes_of_a_crafted_case_follow_from_its_voxels(name):
    truth, prediction, *_, t, p, overlap = CASES[name]
    score, _ = evaluate_case(image(mask(*prediction)), image(mask(*truth)), case=name)
    assert score.dice == pytest.approx(2 * overlap / (t + p) if t + p else math.nan, rel=1e-12, nan_ok=True)
    assert score.truth_ml == pytest.approx(t * 0.008, rel=1e-12)  # voxels of 1*2*4 = 8 mm3
    assert score.volume_error_ml == pytest.approx((p - t) * 0.008, rel=1e-12)
    assert score.volume_error_relative == pytest.approx(
        (p - t) / t if t else math.nan, rel=1e-12, nan_ok=True
    )


def test_rates_of_a_case_follow_from_its_counts():
    score, _ = evaluate_case(image(mask(A, C)), image(mask(A, B)), case="x")
    assert (score.sensitivity, score.precision, score.f1) == (0.5, 0.5, 0.5)


# by hand from the IoUs in CASES: 24 / 40; .4 / (1 + .5); .5 / (1 + .5)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("perfect", 1.0),
        ("one missed", 1 / 1.5),
        ("shifted by a quarter", 0.6),
        ("two drawn as one", 0.4 / 1.5),
        ("one drawn as two", 0.5 / 1.5),
        ("beside", 0.0),
    ],
)
def test_panoptic_quality_of_a_crafted_case_follows_from_its_overlaps(name, expected):
    truth, prediction, *_ = CASES[name]
    score, _ = evaluate_case(image(mask(*prediction)), image(mask(*truth)), case=name)
    assert score.panoptic_quality == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_panoptic_quality_agrees_with_panoptica(seed):
    rng = np.random.default_rng(seed)
    truth = ndimage.gaussian_filter(rng.normal(size=SHAPE), (0.5, 1.5, 1.5)) > 0.18
    prediction = truth ^ (ndimage.gaussian_filter(rng.normal(size=SHAPE), (0.5, 1, 1)) > 0.38)
    score, _ = evaluate_case(image(prediction.astype(np.uint8)), image(truth.astype(np.uint8)), case="x")
    pair = UnmatchedInstancePair(*(label_lesions(m).astype(np.uint32) for m in (prediction, truth)))
    matcher = MaxBipartiteMatching(matching_metric=Metric.IOU, matching_threshold=0.1)
    of_panoptica = Panoptica_Evaluator(InputType.UNMATCHED_INSTANCE, instance_matcher=matcher)
    (result,) = of_panoptica.evaluate(pair.prediction_arr, pair.reference_arr, verbose=False).values()
    assert 0.1 < score.panoptic_quality < 0.9
    assert score.panoptic_quality == pytest.approx(float(result.pq), rel=1e-6)


def test_nothing_there_and_nothing_predicted_defines_no_score():
    score, lesions = evaluate_case(image(mask()), image(mask()), case="x")
    undefined = (score.dice, score.nsd, score.hd95_mm, score.sensitivity, score.precision, score.f1)
    assert all(math.isnan(value) for value in (*undefined, score.panoptic_quality))
    assert lesions == []


def test_a_false_alarm_scores_zero_and_has_no_sensitivity():
    score, _ = evaluate_case(image(mask(C)), image(mask()), case="x")
    assert (score.dice, score.nsd) == (0.0, 0.0)
    assert (score.precision, score.f1, score.panoptic_quality) == (0.0, 0.0, 0.0)
    assert math.isnan(score.sensitivity)
    assert math.isnan(score.hd95_mm)


def test_an_empty_prediction_scores_zero_and_has_no_precision():
    score, _ = evaluate_case(image(mask()), image(mask(A)), case="x")
    assert (score.dice, score.nsd) == (0.0, 0.0)
    assert (score.sensitivity, score.f1, score.panoptic_quality) == (0.0, 0.0, 0.0)
    assert math.isnan(score.precision)
    assert math.isnan(score.hd95_mm)


def test_a_lesion_row_holds_overlap_and_sizes_of_both_sides():
    _, (found, false) = evaluate_case(image(mask((0, 0, 1, 2, 4, 4), C)), image(mask(A)), case="x")
    assert (found.outcome, false.outcome) == ("found", "false")
    assert found.iou == pytest.approx(24 / 40)
    assert (found.truth_ml, found.prediction_ml) == pytest.approx((0.256, 0.256))
    assert found.truth_diameter_mm == pytest.approx(math.hypot(3 * 1.0, 4 * 2.0))  # x is the shorter side
    assert math.isnan(false.truth_ml)
    assert false.prediction_ml == pytest.approx(0.128)


def test_the_threshold_decides_what_counts_as_found():
    prediction, truth = mask((0, 0, 3, 2, 4, 8)), mask(A)  # IoU 8/88
    assert match_masks(prediction, truth, iou_threshold=0.09)[0].outcome == "found"
    assert match_masks(prediction, truth, iou_threshold=0.1)[0].outcome == "missed"


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_a_threshold_outside_zero_to_one_is_refused(threshold):
    with pytest.raises(ValueError, match="IoU threshold"):
        match_masks(mask(A), mask(A), iou_threshold=threshold)


def test_swapping_prediction_and_truth_swaps_missed_and_false():
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = (ndimage.binary_dilation(rng.random(SHAPE) > 0.995) for _ in range(2))
        one = sorted(m.outcome for m in match_masks(a, b))
        other = sorted(m.outcome for m in match_masks(b, a))
        swap = {"found": "found", "missed": "false", "false": "missed"}
        assert one == sorted(swap[outcome] for outcome in other)


@pytest.fixture
def folders(tmp_path):
    """Four cases: perfect (Dice 1), shifted (Dice .75), rightly empty, false alarm."""
    pairs = {
        "case_1": ([A, B], [A, B]),
        "case_2": ([A], [(0, 0, 1, 2, 4, 4)]),
        "case_3": ([], []),
        "case_4": ([], [C]),
    }
    for folder in ("predictions", "truth"):
        (tmp_path / folder).mkdir()
    for case, (truth, prediction) in pairs.items():
        sitk.WriteImage(image(mask(*truth)), str(tmp_path / "truth" / f"{case}.nii.gz"))
        sitk.WriteImage(image(mask(*prediction)), str(tmp_path / "predictions" / f"{case}.nii.gz"))
    return tmp_path / "predictions", tmp_path / "truth"


def test_a_folder_is_summed_up_over_the_cases_that_define_a_score(folders):
    summary = evaluate_folders(*folders).summary()
    assert summary["cases"] == 4
    assert summary["dice_mean"] == pytest.approx((1 + 0.75 + 0) / 3)
    assert summary["dice_cases"] == 3
    assert summary["hd95_cases"] == 2
    assert summary["lesion_sensitivity"] == 1.0  # 3 of 3
    assert summary["lesion_precision"] == 0.75  # 3 of 4
    assert summary["lesion_f1"] == pytest.approx(6 / 7)
    assert summary["false_positives_per_case"] == 0.25
    # IoU 1, 1 and .6; three found, one false
    assert summary["panoptic_quality"] == pytest.approx(2.6 / 3.5)
    # A is 4 wide and 8 long, B 8 wide and 8 long, midpoint to midpoint 8.5 and 10.6 mm
    sizes = {size: (n["found"], n["lesions"]) for size, n in summary["lesions_by_size"].items()}
    assert sizes == {"under 10 mm": (2, 2), "10 to 20 mm": (1, 1), "over 20 mm": (0, 0)}
    assert (summary["true_negative_cases"], summary["false_alarm_cases"]) == (1, 1)


def test_written_tables_hold_the_scores(folders, tmp_path):
    scores = evaluate_folders(*folders)
    write_scores(scores, tmp_path / "out")
    with (tmp_path / "out" / "cases.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert float(rows["case_2"]["dice"]) == 0.75
    assert rows["case_3"]["dice"] == ""
    with (tmp_path / "out" / "lesions.csv").open(newline="") as file:
        outcomes = [(row["case"], row["outcome"]) for row in csv.DictReader(file)]
    assert outcomes == [("case_1", "found"), ("case_1", "found"), ("case_2", "found"), ("case_4", "false")]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["lesions_found"] == 3


def test_undefined_numbers_are_null_in_the_summary(folders, tmp_path):
    for case in ("case_1", "case_2", "case_4"):
        (folders[0] / f"{case}.nii.gz").unlink()
    write_scores(evaluate_folders(*folders, partial=True), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["dice_mean"] is None


def test_a_missing_prediction_is_named(folders):
    (folders[0] / "case_2.nii.gz").unlink()
    with pytest.raises(InputError, match="no prediction for case case_2"):
        evaluate_folders(*folders)


def test_a_prediction_without_truth_is_named(folders):
    (folders[1] / "case_2.nii.gz").unlink()
    with pytest.raises(InputError, match="no truth for case case_2"):
        evaluate_folders(*folders)


def test_partial_scores_what_both_folders_hold(folders):
    (folders[0] / "case_2.nii.gz").unlink()
    (folders[1] / "case_3.nii.gz").unlink()
    assert [c.case for c in evaluate_folders(*folders, partial=True).cases] == ["case_1", "case_4"]


def test_an_unreadable_file_is_named(folders):
    (folders[0] / "case_2.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"case_2: .*predictions/case_2\.nii\.gz is not readable as NIfTI"):
        evaluate_folders(*folders)


def test_another_geometry_is_named(folders):
    sitk.WriteImage(image(mask(A), origin=(0, 0, 4)), str(folders[0] / "case_2.nii.gz"))
    with pytest.raises(InputError, match=r"case case_2: truth and prediction must lie on one grid.*origins"):
        evaluate_folders(*folders)


def test_another_grid_gets_the_truth_that_goes_with_the_prediction(folders):
    whole = image(
        np.zeros((8, 16, 30), np.uint8)
    )  # two slices more: the truth's volume before it was cropped
    sitk.WriteImage(whole, str(folders[0] / "case_2.nii.gz"))
    with pytest.raises(
        InputError, match=r"nnunet-multiphase predict.*case folders.*labelsTs.*nnUNetv2_predict"
    ):
        evaluate_folders(*folders)


@pytest.fixture
def cohort(folders, tmp_path):
    """The same truth as folders of raw cases, one with a name that is not safe in file names."""
    for case, phase in (("case 1", "pv"), ("case_2", "art"), ("case_3", "pv"), ("case_4", "pv")):
        folder = tmp_path / "raw" / case
        folder.mkdir(parents=True)
        truth = tmp_path / "truth" / f"{case.replace(' ', '_')}.nii.gz"
        shutil.copy(truth, folder / f"lesions_{phase}.nii.gz")
        for name in ("art", "pv"):
            (folder / f"{name}.nii.gz").touch()  # only the names are read
    return tmp_path / "raw"


def test_raw_case_folders_are_a_truth_too(folders, cohort):
    # repr: from Python 3.13 on, records that hold NaN do not equal each other.
    assert repr(evaluate_folders(folders[0], cohort)) == repr(evaluate_folders(*folders))


def test_a_raw_case_without_prediction_is_named(folders, cohort):
    (folders[0] / "case_2.nii.gz").unlink()
    with pytest.raises(InputError, match=r"no prediction for case case_2 in .*--partial"):
        evaluate_folders(folders[0], cohort)


def test_partial_scores_the_predicted_raw_cases(folders, cohort):
    (folders[0] / "case_2.nii.gz").unlink()
    (cohort / "case_3" / "lesions_pv.nii.gz").unlink()
    assert [c.case for c in evaluate_folders(folders[0], cohort, partial=True).cases] == ["case_1", "case_4"]


def test_a_raw_case_with_two_lesion_masks_is_named(folders, cohort):
    shutil.copy(cohort / "case_2" / "lesions_art.nii.gz", cohort / "case_2" / "lesions_pv.nii.gz")
    with pytest.raises(
        InputError,
        match=r"case_2.*lesion masks on several phases.*against the dataset's labelsTs",
    ):
        evaluate_folders(folders[0], cohort)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()], ids=["absent", "empty"])
def test_a_folder_without_images_is_named(folders, tmp_path, make):
    make(tmp_path / "nothing")
    with pytest.raises(InputError, match="nothing"):
        evaluate_folders(tmp_path / "nothing", folders[1])
