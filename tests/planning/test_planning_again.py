"""Planning a dataset that somebody changed by hand: its folds, its cases, its missing phases."""

import json
import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
from tiny_dataset import FOLDERS, write_raw

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner

pytestmark = pytest.mark.slow

DATASET = "Dataset903_Changed"
CASES = [f"case_{number:03d}" for number in range(4)]
OWN = [{"train": CASES[:2], "val": CASES[2:]}, {"train": CASES[2:], "val": CASES[:2]}]


@pytest.fixture
def raw(planning_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a raw dataset of four cases, with the fingerprint of another of the same make."""
    write_raw(tmp_path, DATASET, {"background": 0, "lesion": 1}, cases=4)
    source = planning_root / "nnUNet_preprocessed" / "Dataset901_Tiny" / "dataset_fingerprint.json"
    preprocessed(tmp_path).mkdir(parents=True)
    shutil.copy(source, preprocessed(tmp_path))
    for variable in FOLDERS:
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path / "nnUNet_raw" / DATASET


def preprocessed(root: Path) -> Path:
    return root / "nnUNet_preprocessed" / DATASET


def write_splits(path: Path, splits: list) -> bytes:
    path.write_text(json.dumps(splits))
    return path.read_bytes()


def change_description(raw: Path, **changes: object) -> None:
    file = raw / "dataset.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def add_case(raw: Path, name: str) -> None:
    for file in [*raw.glob("*Tr/case_003*")]:
        shutil.copy(file, file.with_name(file.name.replace("case_003", name)))


def test_plans_name_the_phases_of_their_channels(raw: Path, tmp_path: Path):
    MultiPhaseSCAMPlanner(903).plan_experiment()
    saved = json.loads((preprocessed(tmp_path) / "nnUNetMultiPhaseSCAMPlans.json").read_text())
    assert saved["phases"] == ["nc", "art", "pv", "dl"]


def test_a_phase_that_no_case_has_is_named_by_its_phase(raw: Path):
    for file in (raw / "imagesTr").glob("*_0003.nii.gz"):
        image = sitk.ReadImage(str(file))
        sitk.WriteImage(image * 0 - 1024, str(file))
    cases = [path.name.removesuffix(".nii.gz") for path in (raw / "labelsTr").iterdir()]
    change_description(raw, filled={case: ["dl"] for case in cases} | {"case_002": ["art", "dl"]})
    with pytest.raises(InputError, match=r"channel 3 \(dl\) has no data inside any mask of 4 training cases"):
        MultiPhaseSCAMPlanner(903).plan_experiment()


def test_plans_of_a_dataset_that_names_no_phases_name_none(raw: Path):
    change_description(raw, phases=None)
    assert "phases" not in MultiPhaseSCAMPlanner(903).plan_experiment()


def test_own_folds_in_the_preprocessed_dataset_are_kept_and_told(
    raw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    own = preprocessed(tmp_path) / "splits_final.json"
    written = write_splits(own, OWN)
    MultiPhaseSCAMPlanner(903).plan_experiment()
    assert own.read_bytes() == written
    assert f"{own} holds other folds than {raw / own.name}: trainings use the first" in caplog.text


def test_fewer_own_folds_are_kept(raw: Path, tmp_path: Path):
    write_splits(raw / "splits_final.json", [*OWN, OWN[0]])
    own = preprocessed(tmp_path) / "splits_final.json"
    written = write_splits(own, OWN)
    MultiPhaseSCAMPlanner(903).plan_experiment()
    assert own.read_bytes() == written


def test_folds_from_before_the_dataset_grew_are_refused(raw: Path, tmp_path: Path):
    own = preprocessed(tmp_path) / "splits_final.json"
    shutil.copy(raw / own.name, own)
    add_case(raw, "case_004")
    write_splits(raw / own.name, [{"train": [*CASES[2:], "case_004"], "val": CASES[:2]}])
    with pytest.raises(InputError, match=f"{own} and {raw / own.name} .* lacks case_004: .* remove {own}"):
        MultiPhaseSCAMPlanner(903)


def test_folds_of_cases_that_are_no_longer_there_are_refused(raw: Path, tmp_path: Path):
    own = preprocessed(tmp_path) / "splits_final.json"
    write_splits(own, [{"train": [*CASES[2:], "gone"], "val": CASES[:2]}])
    with pytest.raises(InputError, match="the first names gone, which is not in the dataset"):
        MultiPhaseSCAMPlanner(903)


def test_own_folds_that_are_no_folds_are_refused(raw: Path, tmp_path: Path):
    own = preprocessed(tmp_path) / "splits_final.json"
    write_splits(own, [{"train": CASES}])
    with pytest.raises(InputError, match=f"{own} cannot be read"):
        MultiPhaseSCAMPlanner(903)


def test_what_nnunet_refuses_of_its_own_stays_refused(raw: Path, tmp_path: Path):
    write_splits(preprocessed(tmp_path) / "splits_final.json", OWN)
    with pytest.raises(AssertionError, match="three floats"):
        MultiPhaseSCAMPlanner(903, overwrite_target_spacing=[1, 1, 1])


def test_a_case_that_no_fold_holds_is_named(raw: Path, caplog: pytest.LogCaptureFixture):
    add_case(raw, "added")
    change_description(raw, reference_phase=dict.fromkeys([*CASES, "added"], "pv"))
    MultiPhaseSCAMPlanner(903).plan_experiment()
    assert "1 of 5 training cases is in no fold of" in caplog.text
    assert "(added): no training but fold all learns from them" in caplog.text


def test_a_dataset_as_it_was_made_is_planned_without_a_warning(raw: Path, caplog: pytest.LogCaptureFixture):
    MultiPhaseSCAMPlanner(903).plan_experiment()
    assert "warning" not in caplog.text


def test_a_case_without_a_reference_is_named(raw: Path, caplog: pytest.LogCaptureFixture):
    change_description(raw, reference_phase=dict.fromkeys(CASES[1:], "pv"))
    MultiPhaseSCAMPlanner(903).plan_experiment()
    assert "1 of 4 training cases have no reference phase in dataset.json, such as case_000" in caplog.text


def test_renamed_cases_are_refused(raw: Path):
    change_description(raw, reference_phase={"patient_000": "pv"})
    with pytest.raises(InputError, match="for none of the 4 training cases, such as case_000"):
        MultiPhaseSCAMPlanner(903).plan_experiment()


def test_an_absent_phase_that_is_not_listed_is_refused(raw: Path):
    change_description(raw, filled={})
    with pytest.raises(InputError, match="case case_002: phase art holds one value throughout"):
        MultiPhaseSCAMPlanner(903).plan_experiment()


def test_a_listed_phase_that_holds_an_image_is_refused(raw: Path):
    change_description(raw, filled={"case_002": ["art"], "case_001": ["dl"]})
    with pytest.raises(InputError, match=r"case case_001: dataset\.json lists phase dl in filled"):
        MultiPhaseSCAMPlanner(903).plan_experiment()


def test_a_reference_of_one_value_is_refused(raw: Path):
    file = raw / "imagesTr" / "case_001_0002.nii.gz"
    image = sitk.ReadImage(str(file))
    sitk.WriteImage(image * 0, str(file))
    with pytest.raises(InputError, match="case case_001: its reference phase pv holds one value"):
        MultiPhaseSCAMPlanner(903).plan_experiment()


def test_the_smallest_network_is_planned_whatever_the_memory(raw: Path):
    plans = MultiPhaseSCAMPlanner(903, gpu_memory_target_in_gb=0.0001).plan_experiment()
    for name in ("2d", "3d_fullres"):
        assert len(plans["configurations"][name]["architecture"]["arch_kwargs"]["strides"]) >= 2
