"""The datasets of a benchmark: the same cases and folds, placed otherwise; planned once, preprocessed once."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_raw import DATASET, write_raw

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.benchmark.layout import read_plan
from nnunet_multiphase.benchmark.place import place_of
from nnunet_multiphase.benchmark.placements import by_headers, by_simpleitk
from nnunet_multiphase.benchmark.prepare import prepare
from nnunet_multiphase.benchmark.settings import BenchmarkSettings, Cohort
from nnunet_multiphase.cases.inputs import Inputs
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.dataset.build import DatasetSummary
from nnunet_multiphase.dataset.options import DatasetOptions
from nnunet_multiphase.errors import InputError

SETTINGS = BenchmarkSettings(dataset=977, budget=Budget(epochs=4))


def silent(line):
    """Say nothing."""


@pytest.fixture
def built(fakes, monkeypatch):
    """Stand for `build_dataset`: the tiny dataset, whatever the raw cases; remembers how it was asked."""
    import os

    asked = []

    def build_dataset(raw, number, name, options, **more):
        asked.append((name, {"options": options, **more}))
        folder = Path(os.environ["nnUNet_raw"]) / f"Dataset{number:03d}_{name}"
        write_raw(folder)
        preprocessed = Path(os.environ["nnUNet_preprocessed"]) / folder.name
        preprocessed.mkdir(parents=True)
        cases = ["case_0", "case_1", "case_2"]
        # Another split than the others', if it were to be used.
        val = cases[len(asked) % 3]
        splits = [{"train": [case for case in cases if case != val], "val": [val]}]
        (preprocessed / "splits_final.json").write_text(json.dumps(splits))
        return DatasetSummary(folder, ("art", "pv"), tuple(cases), ("case_3",), 1, (), (), {}, (), (), ())

    monkeypatch.setattr("nnunet_multiphase.dataset.build.build_dataset", build_dataset)
    return asked


def of_raw(tmp_path, *contestants, **cohort):
    return replace(
        SETTINGS,
        dataset=None,
        cohort=Cohort(tmp_path / "raw", DatasetOptions(**cohort)),
        contestants=contestants,
    )


def test_single_phase_is_each_cases_reference_alone(fakes, tmp_path):
    prepare(tmp_path / "out", replace(SETTINGS, contestants=("ours", "single_phase")), say=silent)
    place = place_of(tmp_path / "out", read_plan(tmp_path / "out"), "single_phase")
    given = fakes.root / "nnUNet_raw" / DATASET
    for case, part, channel in (("case_0", "Tr", 1), ("case_1", "Tr", 0), ("case_3", "Ts", 1)):
        (image,) = place.images(case)
        assert image.name == f"{case}_0000.nii.gz"
        assert image.read_bytes() == (given / f"images{part}" / f"{case}_{channel:04d}.nii.gz").read_bytes()
    record = place.record
    assert record["channel_names"] == {"0": "CT"}
    assert (record["phases"], set(record["reference_phase"].values())) == (["reference"], {"reference"})
    assert "doubtful_registration" not in record
    assert record["labels"] == {"background": 0, "lesion": 1}


def test_single_phase_needs_to_know_the_reference(fakes, tmp_path):
    record = fakes.root / "nnUNet_raw" / DATASET / "dataset.json"
    content = json.loads(record.read_text())
    del content["reference_phase"]["case_2"]
    record.write_text(json.dumps(content))
    with pytest.raises(InputError, match="does not say which channel is the reference phase of case case_2"):
        prepare(tmp_path / "out", replace(SETTINGS, contestants=("single_phase",)), say=silent)


def test_raw_cases_are_placed_as_each_contestant_says(built, tmp_path):
    wanted = of_raw(tmp_path, "ours", "unregistered", "simpleitk", "deformable", missing="fill")
    prepare(tmp_path / "out", wanted, say=silent)
    assert all(o["options"] == DatasetOptions(missing="fill") for _, o in built)
    assert [(name, o["find"], o["settings"].model) for name, o in built] == [
        ("BenchmarkRegistered", None, "rigid"),
        ("BenchmarkUnregistered", by_headers, "rigid"),
        ("BenchmarkSimpleITK", by_simpleitk, "rigid"),
        ("BenchmarkDeformable", None, "deformable"),
    ]


def test_all_datasets_have_the_same_folds(built, tmp_path):
    prepare(tmp_path / "out", of_raw(tmp_path, "ours", "unregistered", "single_phase"), say=silent)
    splits = sorted((tmp_path / "out" / "nnUNet_preprocessed").glob("*/splits_final.json"))
    assert len(splits) == 3
    assert len({file.read_text() for file in splits}) == 1


@pytest.mark.parametrize("contestant", ["unregistered", "simpleitk"])
def test_phases_that_nobody_judged_are_moved_in_training_as_ours_are(
    built, tmp_path, monkeypatch, contestant
):
    from nnunet_multiphase.dataset import build as dataset

    made = dataset.build_dataset

    def with_other_doubts(raw, number, name, options, **more):
        summary = made(raw, number, name, options, **more)
        file = Path(summary.folder) / "dataset.json"
        record = json.loads(file.read_text())
        ours = name == "BenchmarkRegistered"
        record["doubtful_registration"] = (
            {"case_0": ["art"]} if ours else {"case_0": ["art"], "case_1": ["pv"]}
        )
        record["registration_error_mm"] = {"case_1": {"art": 0.4}} if ours else {}
        file.write_text(json.dumps(record))
        return summary

    monkeypatch.setattr("nnunet_multiphase.dataset.build.build_dataset", with_other_doubts)
    prepare(tmp_path / "out", of_raw(tmp_path, "ours", contestant), say=silent)
    plan = read_plan(tmp_path / "out")
    ours, other = (place_of(tmp_path / "out", plan, name).record for name in ("ours", contestant))
    assert other["doubtful_registration"] == ours["doubtful_registration"] == {"case_0": ["art"]}
    assert other["registration_error_mm"] == ours["registration_error_mm"] == {"case_1": {"art": 0.4}}


def test_datasets_are_made_once(built, tmp_path):
    settings = of_raw(tmp_path, "ours", "unregistered")
    prepare(tmp_path / "out", settings, say=silent)
    prepare(tmp_path / "out", settings, say=silent)
    assert len(built) == 2


def write_cohort(raw, cases=("p1", "p2"), ending=".nii.gz"):
    """Write files that nobody opens here: what a dataset is made of is a matter of `build_dataset`."""
    for case in cases:
        (raw / case).mkdir(parents=True)
        for name in ("art", "pv", "lesions_pv"):
            (raw / case / f"{name}{ending}").write_bytes(f"{case} {name} ".encode() * 20_000)


def later(path):
    """Give a file the time of a copy."""
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10**9))


def drawn_again(raw):
    path = raw / "p2" / "lesions_pv.nii.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-8] + b"sum of t")  # as gzip ends: with the checksum of all
    later(path)


def measured_again(raw):
    path = raw / "p1" / "art.nii.gz"
    path.write_bytes(path.read_bytes() + b"more")


def one_patient(raw):
    (raw / "patients.csv").write_text("case,patient\np1,A\np2,A\n")


CHANGES = {
    r"case p2: .*lesions_pv\.nii\.gz": drawn_again,
    r"case p1: .*art\.nii\.gz": measured_again,
    "case p3 is new": lambda raw: write_cohort(raw, ["p3"]),
    "case p2 is gone": lambda raw: shutil.rmtree(raw / "p2"),
    r"case p2: .*art\.nii\.gz is gone": lambda raw: (raw / "p2" / "art.nii.gz").unlink(),
    r"case p1: .*nc\.nii\.gz is new": lambda raw: (raw / "p1" / "nc.nii.gz").write_bytes(b"nc"),
    "case p1: its patient was p1, and is A now": one_patient,
}


@pytest.mark.parametrize("said", CHANGES)
def test_raw_cases_that_have_changed_since_are_refused(built, tmp_path, said):
    write_cohort(tmp_path / "raw")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    CHANGES[said](tmp_path / "raw")
    with pytest.raises(InputError, match=f"raw cases have changed since .*: {said}"):
        prepare(tmp_path / "out", of_raw(tmp_path, "ours", "unregistered"), say=silent)
    assert len(built) == 1


def test_an_edit_in_the_middle_of_a_file_without_a_checksum_is_seen(built, tmp_path):
    write_cohort(tmp_path / "raw", ending=".nii")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    path = tmp_path / "raw" / "p1" / "pv.nii"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"x" + content[len(content) // 2 + 1 :])
    later(path)
    with pytest.raises(InputError, match=r"case p1: .*pv\.nii"):
        prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)


def test_raw_cases_that_were_copied_back_are_the_same(built, tmp_path):
    write_cohort(tmp_path / "raw")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    for path in (tmp_path / "raw").rglob("*.nii.gz"):
        later(path)
    (tmp_path / "raw" / "p1" / "notes.txt").write_text("nobody reads this")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours", "unregistered"), say=silent)
    assert len(built) == 2


def test_raw_cases_that_are_gone_are_not_missed_where_nothing_is_made_of_them(built, tmp_path):
    write_cohort(tmp_path / "raw")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    shutil.rmtree(tmp_path / "raw")
    said = []
    prepare(tmp_path / "out", of_raw(tmp_path, "ours", "single_phase", "focal"), say=said.append)
    assert len(built) == 1
    assert f"{tmp_path / 'raw'}: no raw case is there any more; the datasets made of them are used" in said
    with pytest.raises(InputError, match="and Dataset903_BenchmarkUnregistered is to be made of them"):
        prepare(tmp_path / "out", of_raw(tmp_path, "ours", "unregistered"), say=silent)
    assert len(built) == 1


def test_a_folder_from_before_raw_cases_were_noted_is_gone_on_with(built, tmp_path):
    write_cohort(tmp_path / "raw")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    (tmp_path / "out" / "raw_cases.json").unlink()
    drawn_again(tmp_path / "raw")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours", "unregistered"), say=silent)
    assert len(built) == 2
    assert not (tmp_path / "out" / "raw_cases.json").exists()  # nobody knows what they were


def test_raw_cases_may_change_as_long_as_nothing_was_made_of_them(built, tmp_path, monkeypatch):
    write_cohort(tmp_path / "raw")

    def stopped(*arguments, **more):
        raise InputError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr("nnunet_multiphase.dataset.build.build_dataset", stopped)
        with pytest.raises(InputError, match="stopped"):
            prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    drawn_again(tmp_path / "raw")
    prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    assert len(built) == 1


def test_the_users_folders_are_left_alone_with_raw_cases(built, fakes, tmp_path):
    before = sorted(fakes.root.rglob("*"))
    prepare(tmp_path / "out", of_raw(tmp_path, "ours", "single_phase"), say=silent)
    assert sorted(fakes.root.rglob("*")) == before


def test_another_form_of_the_raw_cases_is_refused(built, tmp_path):
    prepare(tmp_path / "out", of_raw(tmp_path, "ours"), say=silent)
    with pytest.raises(InputError, match="another form of the raw cases"):
        prepare(tmp_path / "out", of_raw(tmp_path, "ours", missing="fill"), say=silent)


def test_other_cases_are_refused(built, tmp_path):
    prepare(tmp_path / "out", of_raw(tmp_path, "ours", "unregistered"), say=silent)
    (label,) = (tmp_path / "out" / "nnUNet_raw").glob("*Unregistered/labelsTs/case_3.nii.gz")
    label.unlink()
    with pytest.raises(InputError, match=r"case_3 is a test case of Dataset901_.* but not of Dataset903_"):
        prepare(tmp_path / "out", of_raw(tmp_path, "ours", "unregistered"), say=silent)


def test_phases_that_came_aligned_are_not_placed_otherwise(fakes, tmp_path):
    inputs = Inputs(layout=Layout(image="{case}/{phase}.nii.gz", registered=True))
    with pytest.raises(InputError, match="came aligned already"):
        prepare(tmp_path / "out", of_raw(tmp_path, "ours", "simpleitk", inputs=inputs), say=silent)
    assert not (tmp_path / "out").exists()


def test_plans_are_made_by_nnunets_own_commands(fakes, tmp_path):
    prepare(
        tmp_path / "out", replace(SETTINGS, contestants=("resenc_m",), gpu_memory_gb=0.5), jobs=3, say=silent
    )
    assert [" ".join(line) for line in fakes.nnunet.lines] == [
        "nnUNetv2_plan_and_preprocess -d 977 -pl nnUNetPlannerResEncM -c 3d_fullres -npfp 3 --no_pp -gpu_memory_target 0.5",
        "nnUNetv2_preprocess -d 977 -plans_name nnUNetResEncUNetMPlans -c 3d_fullres -np 3",
    ]


def test_cases_are_preprocessed_once_for_all_plans_that_ask_for_the_same(fakes, tmp_path):
    contestants = ("vanilla", "ours", "plain_skips", "focal", "linear_masks")
    prepare(tmp_path / "out", replace(SETTINGS, contestants=contestants), say=silent)
    preprocessed = [line[4] for line in fakes.nnunet.lines if line[0] == "nnUNetv2_preprocess"]
    # In the fake, linear masks are what vanilla asks for.
    assert preprocessed == ["nnUNetPlans", "nnUNetMultiPhaseSCAMPlans"]
    folder = fakes.root / "nnUNet_preprocessed" / DATASET
    for name, same in (("PlainSkips", "nnUNetMultiPhaseSCAMPlans"), ("LinearMasks", "nnUNetPlans")):
        data = folder / f"nnUNetMultiPhaseSCAM{name}Plans_3d_fullres"
        assert data.resolve().name == f"{same}_3d_fullres"
        assert (data / "case_0.pkl").is_file()


def test_preprocessing_that_was_interrupted_is_done_again(fakes, tmp_path):
    prepare(tmp_path / "out", replace(SETTINGS, contestants=("ours",)), say=silent)
    data = fakes.root / "nnUNet_preprocessed" / DATASET / "nnUNetMultiPhaseSCAMPlans_3d_fullres"
    for file in data.iterdir():
        file.unlink()
    data.rmdir()
    fakes.nnunet.lines.clear()
    prepare(tmp_path / "out", replace(SETTINGS, contestants=("ours",)), say=silent)
    assert [line[0] for line in fakes.nnunet.lines] == ["nnUNetv2_preprocess"]


def test_the_truth_is_the_datasets_labels(fakes, tmp_path):
    prepare(tmp_path / "out", replace(SETTINGS, contestants=("ours",)), say=silent)
    truth = sorted(file.name for file in (tmp_path / "out" / "truth").iterdir())
    assert truth == ["case_2.nii.gz", "case_3.nii.gz", "dataset.json"]  # fold 0 predicts these
    labels = fakes.root / "nnUNet_raw" / DATASET / "labelsTr" / "case_2.nii.gz"
    written, drawn = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
        for file in (tmp_path / "out" / "truth" / "case_2.nii.gz", labels)
    )
    assert np.array_equal(written, drawn)


def test_a_label_that_lies_elsewhere_than_its_image_is_refused_before_the_trainings(fakes, tmp_path):
    label = fakes.root / "nnUNet_raw" / DATASET / "labelsTr" / "case_2.nii.gz"
    drawn = sitk.ReadImage(str(label))
    drawn.SetOrigin((5.0, 0.0, 0.0))
    sitk.WriteImage(drawn, str(label))
    with pytest.raises(InputError, match=r"case case_2: .*case_2_0000.nii.gz and its label .* one grid"):
        prepare(tmp_path / "out", SETTINGS, say=silent)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_in_which_nothing_could_be_made_is_as_it_was(tmp_path, there):
    if there:
        (tmp_path / "work").mkdir()
    with pytest.raises(InputError, match="is not a folder"):
        prepare(tmp_path / "work", of_raw(tmp_path, "ours"), say=silent)
    assert [path.name for path in tmp_path.iterdir()] == ["work"] * there
    assert not there or list((tmp_path / "work").iterdir()) == []
