"""An argument of another kind is refused in a sentence, and never taken for something else."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp
import registration
from nnunet_multiphase.api.kinds import listed_names

MASK = sitk.GetImageFromArray(np.pad(np.ones((4, 4, 4), np.uint8), 4))

LOADED: Any = SimpleNamespace(record={})


def build(**other: Any) -> Any:
    return mp.build_dataset(**{"raw": "raw", "dataset_id": 501, "name": "Tiny", **other})


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mp.align_phases({"pv": MASK}, "pv", registered="no"), "registered must be True or False"),
        (lambda: mp.evaluate(MASK, MASK, partial="no"), "partial must be True or False, but is 'no'"),
        (lambda: mp.load_predictor("model", trusted="no"), "trusted must be True or False, but is 'no'"),
        (lambda: mp.predict_case("model", "case", "out"), "the predictor is 'model': expected what load_pr"),
        (lambda: mp.load_predictor(None), "model None: expected a path, or the number"),
        (lambda: mp.load_predictor(True), "model True: expected"),
        (lambda: mp.load_predictor(5.0), "model 5.0: expected"),
        (lambda: mp.lesion_table(MASK, lesion_labels=[]), r"lesion_labels \[\]: expected whole numbers"),
        (lambda: mp.lesion_table(MASK, lesion_labels=True), "lesion_labels True: expected whole numbers"),
        (lambda: mp.lesion_table(MASK, lesion_labels=1.0), "lesion_labels 1.0: expected whole numbers"),
        (lambda: mp.register(MASK, MASK, accept=None), "accept None: expected a list of checks"),
        (
            lambda: mp.evaluate(MASK, MASK, iou_threshold="0.1"),
            "iou_threshold must be a number, but is '0.1'",
        ),
        (lambda: mp.evaluate(MASK, MASK, iou_threshold=True), "iou_threshold must be a number, but is True"),
        (lambda: build(dataset_id="501"), "dataset_id must be a whole number, but is '501'"),
        (lambda: build(dataset_id=True), "dataset_id must be a whole number, but is True"),
        (lambda: build(name=None), "name must be a text, but is None"),
        (lambda: build(raw=None), "raw must be a path"),
        (lambda: build(folds="5"), "folds must be a whole number"),
        (lambda: build(seed="a"), "seed must be a whole number"),
        (lambda: build(jobs="2"), "jobs must be a whole number"),
        (lambda: build(test_fraction="0.2"), "test_fraction must be a number"),
        (lambda: build(overwrite="no"), "overwrite must be True or False"),
        (lambda: build(inputs="table.csv"), "inputs must be Inputs, but is 'table.csv'"),
        (lambda: build(targets="liver"), "targets must be TargetClasses, but is 'liver'"),
        (lambda: build(phases="pv"), r"phases 'pv': expected a list of them, such as \['art', 'pv'\]"),
        (lambda: build(phases={"art", "pv"}), "expected a list of them"),
        (lambda: build(phases=[1, 2]), r"phases\[0\] must be a text, but is 1"),
        (lambda: build(phases={"art": 1}), "expected a list of them"),
        (lambda: build(find=3), "find must be a function, but is 3"),
        (lambda: build(find=partial(print)), "find must be a function of a module"),
        (lambda: build(find="rigid"), "find 'rigid' is our own.*settings=RegistrationSettings"),
        (lambda: build(finish=None), "finish must be a function"),
        (lambda: build(dask_scheduler=5), "dask_scheduler must be a text"),
        (lambda: mp.load_predictor("model", checkpoint=None), "checkpoint must be a text"),
        (lambda: mp.load_predictor("model", runtime="tensorrt"), "runtime 'tensorrt': expected one of torch"),
        (lambda: mp.load_predictor("model", step_size=2), "step_size 2: expected a share of the patch"),
        (lambda: mp.load_predictor("model", step_size=0), "step_size 0: expected a share of the patch"),
        (lambda: mp.predict_case(LOADED, None, "out"), "case must be a path"),
        (lambda: mp.predict_case(LOADED, ["case"], "out"), "case must be a path"),
        (lambda: mp.predict_case(LOADED, "case", "out", missing="skip"), "missing 'skip': expected one of"),
        (lambda: mp.evaluate(MASK, MASK, iou_threshold=2), "iou_threshold 2: expected an overlap"),
        (lambda: mp.lesion_table(MASK, case=1), "case must be a text, but is 1"),
        (lambda: mp.align_phases({"art": MASK}, "pv"), r"the reference 'pv' is not among the phases \(art\)"),
        (lambda: mp.Inputs(layout="{case}/{phase}.nii"), r"layout must be Layout, such as Layout\(image="),
        (lambda: mp.Inputs(masks="merge"), "masks must be MaskRule, such as"),
        (lambda: mp.Inputs(table=5), "table must be a path, but is 5"),
        (lambda: mp.MaskRule(several="both"), "several 'both': expected one of error, merge, reference"),
        (lambda: mp.MaskRule(absent="fill"), "absent 'fill': expected one of error, skip"),
    ],
)
def test_an_argument_of_another_kind_is_refused(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(mp.InputError, match=said):
        call()


@pytest.mark.parametrize("labels", [1, np.uint8(1), [1], (1,), {1}, np.array([1])])
def test_labels_may_come_in_any_collection(labels: Any) -> None:
    assert mp.evaluate(MASK, MASK, lesion_labels=labels).summary()["dice_mean"] == 1


def test_a_model_is_found_by_its_datasets_whole_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    with pytest.raises(mp.InputError, match=r"no trained model .* for dataset Dataset501_Liver"):
        mp.load_predictor("Dataset501_Liver")


@pytest.mark.parametrize(
    "phases",
    [["art", "pv"], ("art", "pv"), np.array(["art", "pv"]), {"art": 1, "pv": 2}.keys(), iter(["art", "pv"])],
)
def test_phases_may_come_in_any_order_keeping_collection(phases: Any) -> None:
    assert listed_names(phases) == ("art", "pv")
    assert {type(phase) for phase in listed_names(["art"])} == {str}


def test_a_folder_that_is_not_there_is_not_taken_for_a_segmentation(tmp_path: Path) -> None:
    with pytest.raises(mp.InputError, match="nowhere does not exist: expected a folder"):
        mp.evaluate(tmp_path / "nowhere", tmp_path)


def test_a_table_may_be_named_by_a_text() -> None:
    assert mp.Inputs(table="cases.csv").table == Path("cases.csv")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [sitk.sitkLabelUInt8, sitk.sitkLabelUInt16])
def test_a_label_map_is_taken_as_labels(kind: int) -> None:
    # SimpleITK gives no array of one: it ends the process.
    assert mp.evaluate(sitk.Cast(MASK, kind), MASK).summary()["dice_mean"] == 1


def test_an_image_of_complex_numbers_is_refused() -> None:
    with pytest.raises(mp.InputError, match="32-bit float is no volume: expected one real number"):
        mp.evaluate(sitk.Cast(sitk.Cast(MASK, sitk.sitkFloat32), sitk.sitkComplexFloat32), MASK)


def test_the_registration_itself_names_what_is_no_image() -> None:
    with pytest.raises(TypeError, match=r"must be a SimpleITK\.Image, but is a ndarray"):
        registration.register(np.zeros((8, 8, 8)), MASK)  # type: ignore[arg-type]
