"""The whole chain on six synthetic patients: what a user finds in the folder afterwards."""

import csv
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from browser import needs_browser, opened
from distributed import LocalCluster
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from notebook_run import NOTEBOOKS, drawn, printed, run

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.phantom.registration_error import registration_errors
from nnunet_multiphase.prediction import (
    SegmentedCase,
    load_model,
    prepare_case,
    restart_from_initial_weights,
    write_prediction,
)

pytestmark = pytest.mark.slow


def reference_mask(demo_run, case):
    (path,) = (demo_run.folder / "raw" / case).glob("lesions_*.nii.gz")
    return sitk.ReadImage(str(path))


def test_everything_stays_in_the_named_folder(demo_run):
    assert [p.name for p in demo_run.folder.parent.iterdir()] == ["demo"]
    assert {p.name for p in demo_run.folder.iterdir()} == {
        "made_by_nnunet-multiphase_demo.txt",
        *("raw", "nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"),
        *("predictions", "predictions_untrained", "truth", "evaluation", "report.html"),
    }


def test_the_dataset_has_its_cohort_page(demo_run):
    (page,) = demo_run.folder.glob("nnUNet_raw/*/cohort.html")
    text = page.read_text(encoding="utf-8")
    assert all(case in text for case in demo_run.test_cases)


def test_nothing_from_setup_to_the_pages_connects_to_anything(demo_run):
    assert demo_run.connections == []


def test_last_line_names_the_page(demo_run):
    assert demo_run.printed.rstrip().endswith(f"report: {(demo_run.folder / 'report.html').resolve()}")


def test_page_holds_every_part_and_nothing_from_outside(demo_run):
    page = (demo_run.folder / "report.html").read_text(encoding="utf-8")
    for heading in (
        "Registration",
        "Training",
        "Predictions beside the truth",
        "Predicted lesions",
        "quality.csv",
    ):
        assert heading in page
    assert page.count("<img") == 2 + 1 + len(
        demo_run.test_cases
    )  # overviews, curves, one panel a test patient
    assert re.findall(r'(?:src|href)="(?!data:|#)([^"]*)', page) == ["predictions/index.html"]


def test_every_predicted_patient_has_a_page_on_the_list(demo_run):
    predictions = demo_run.folder / "predictions"
    listed = re.findall(r'href="([^"#]+\.html)"', (predictions / "index.html").read_text(encoding="utf-8"))
    assert sorted(listed) == [f"{case}.html" for case in demo_run.test_cases]
    for name in listed:
        assert "For research only, not a medical device." in (predictions / name).read_text(encoding="utf-8")


@needs_browser
def test_a_browser_shows_the_page_without_error_or_request(demo_run, tmp_path):
    dom, console, asked = opened(demo_run.folder / "report.html", tmp_path)
    assert "case by case" in dom
    assert console == []
    assert not {url for url in asked if not url.startswith(("data:", "file:"))}


def test_predictions_lie_on_the_reference_phases_own_grid(demo_run):
    for case in demo_run.test_cases:
        found = sitk.ReadImage(str(demo_run.folder / "predictions" / f"{case}.nii.gz"))
        own = reference_mask(demo_run, case)
        assert found.GetSize() == own.GetSize()
        # NIfTI keeps single precision
        np.testing.assert_allclose(found.GetOrigin(), own.GetOrigin(), atol=1e-3)
        np.testing.assert_allclose(found.GetSpacing(), own.GetSpacing(), atol=1e-5)
        np.testing.assert_allclose(found.GetDirection(), own.GetDirection(), atol=1e-5)


def test_new_patients_are_registered_as_the_dataset_was(demo_run):
    (dataset,) = (demo_run.folder / "nnUNet_raw").glob("Dataset501_*")
    kept = sorted((demo_run.folder / "predictions" / "registration").glob("*.tfm"))
    assert len(kept) == 3 * len(demo_run.test_cases)
    for path in kept:
        ours, theirs = (
            sitk.ReadTransform(str(p)).GetParameters() for p in (path, dataset / "registration" / path.name)
        )
        assert ours == theirs  # same seed, same bytes


def test_each_prediction_has_a_registration_table_and_picture(demo_run):
    folder = demo_run.folder / "predictions" / "registration"
    for case in demo_run.test_cases:
        with (folder / f"{case}_quality.csv").open(newline="") as stream:
            assert [row["phase"] for row in csv.DictReader(stream)] == ["nc", "art", "pv", "dl"]
        assert (folder / f"{case}.png").read_bytes().startswith(b"\x89PNG")


def test_registration_brings_every_liver_within_a_slice(demo_run):
    (dataset,) = (demo_run.folder / "nnUNet_raw").glob("Dataset501_*")
    errors = []
    for case in sorted(p.name for p in (demo_run.folder / "raw").iterdir()):
        tfms = {p.stem.rsplit("_", 1)[1]: p for p in (dataset / "registration").glob(f"{case}_*.tfm")}
        transforms = {phase: sitk.ReadTransform(str(p)) for phase, p in tfms.items()}
        errors += registration_errors(demo_run.folder / "raw" / case, transforms)
    assert len(errors) == 6 * 3
    # the thinnest slices are 4 mm: half of one is what a careful reader would call aligned
    assert max(e.after_mm for e in errors) < 2.0
    # the phantom moves the liver by up to 24 mm and turns the patient by up to 6 degrees
    assert np.median([e.before_mm for e in errors]) > 8.0


def test_untrained_network_owes_nothing_to_the_trained_one(demo_run):
    trained, fresh, again = (load_model(demo_run.model, ["0"], progress=False) for _ in range(3))
    restart_from_initial_weights(fresh, seed=5)
    for tensor in again.predictor.network.parameters():
        tensor.data.fill_(7.0)
    restart_from_initial_weights(again, seed=5)
    state = fresh.predictor.network.state_dict()
    assert all(torch.equal(state[key], value) for key, value in again.predictor.network.state_dict().items())
    assert not all(
        torch.equal(state[key], value) for key, value in trained.predictor.network.state_dict().items()
    )
    assert fresh.predictor.list_of_parameters[0].keys() == trained.predictor.list_of_parameters[0].keys()


def test_loading_a_model_says_nothing_but_what_is_new(demo_run, monkeypatch, capsys, caplog):
    load_model(demo_run.model, ["0"], progress=False)
    assert capsys.readouterr().out == ""
    assert not caplog.records
    plain = nnUNetPredictor.__init__

    def warns(self, *args, **kwargs):
        print("this GPU is too old")
        plain(self, *args, **kwargs)

    monkeypatch.setattr(nnUNetPredictor, "__init__", warns)
    load_model(demo_run.model, ["0"], progress=False)
    assert capsys.readouterr().out == ""
    assert [record.getMessage() for record in caplog.records] == ["nnU-Net: this GPU is too old"]


def test_a_crafted_segmentation_is_pasted_back_where_it_belongs(demo_run, tmp_path):
    case = demo_run.folder / "raw" / demo_run.test_cases[0]
    prepared = prepare_case(case, ("nc", "art", "pv", "dl"))
    grid = prepared.aligned.images[prepared.aligned.reference]
    labels = np.zeros(grid.GetSize()[::-1], np.uint8)
    labels[4:7, 20:26, 30:40] = 1
    block = sitk.GetImageFromArray(labels)
    block.CopyInformation(grid)
    written = write_prediction(prepared, SegmentedCase(block, sitk.Cast(block, sitk.sitkFloat32)), tmp_path)
    whole = sitk.ReadImage(str(written.segmentation))
    voxels = np.argwhere(sitk.GetArrayViewFromImage(whole))[:, ::-1]
    assert len(voxels) == 3 * 6 * 10
    # the first voxel's centre, by the cropped grid and by the original one; the upright grid's origin is rounded to
    # 0.01 mm, which moves it by 0.006 mm along an axis at most, and NIfTI keeps single precision
    first = whole.TransformIndexToPhysicalPoint(voxels.min(0).tolist())
    np.testing.assert_allclose(first, grid.TransformIndexToPhysicalPoint((30, 20, 4)), atol=7e-3)
    with written.lesion_csv.open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    volume_ml = 3 * 6 * 10 * float(np.prod(grid.GetSpacing())) / 1000
    assert float(row["volume_ml"]) == pytest.approx(volume_ml, rel=1e-5)  # six digits are written


def copy_phases(source: Path, target: Path, phases: tuple[str, ...]) -> Path:
    target.mkdir()
    for phase in phases:
        (target / f"{phase}.nii.gz").write_bytes((source / f"{phase}.nii.gz").read_bytes())
    return target


def predict(demo_run, case: Path, out: Path, *more: str) -> int:
    return main(
        [
            "predict",
            str(case),
            "-m",
            str(demo_run.model),
            "-o",
            str(out),
            "--disable-tta",
            "--device",
            "cpu",
            *more,
        ]
    )


def test_patient_without_a_phase_is_refused_in_one_sentence(demo_run, tmp_path, capsys):
    case = copy_phases(
        demo_run.folder / "raw" / demo_run.test_cases[0], tmp_path / "new", ("nc", "art", "pv")
    )
    assert predict(demo_run, case, tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: case new: ")
    assert "lacks dl" in line
    assert not (tmp_path / "out").exists()


def test_patient_without_a_phase_is_predicted_when_filling_is_asked_for(demo_run, tmp_path, capsys):
    case = copy_phases(
        demo_run.folder / "raw" / demo_run.test_cases[0], tmp_path / "new", ("art", "pv", "dl")
    )
    assert predict(demo_run, case, tmp_path / "out", "--missing", "fill") == 0
    assert "without nc" in capsys.readouterr().out
    found = sitk.ReadImage(str(tmp_path / "out" / "new.nii.gz"))
    assert (
        found.GetSize() == sitk.ReadImage(str(case / "pv.nii.gz")).GetSize()
    )  # pv is the reference without masks


def test_a_dask_cluster_predicts_the_same(demo_run, tmp_path):
    case = demo_run.folder / "raw" / demo_run.test_cases[0]
    here = {"processes": False, "protocol": "tcp", "host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=1, **here) as cluster:
        assert predict(demo_run, case, tmp_path / "there", "--dask-scheduler", cluster.scheduler_address) == 0
    assert predict(demo_run, case, tmp_path / "here") == 0
    for name in (f"{case.name}.nii.gz", f"{case.name}_lesions.csv", f"{case.name}.html", "index.html"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_the_notebook_takes_its_patient_from_raw_phases_to_a_table(demo_run, tmp_path, monkeypatch):
    monkeypatch.setenv("DEMO", str(demo_run.folder))
    notebook = run(NOTEBOOKS["patient"], tmp_path)
    assert drawn(notebook) == drawn(nbformat.read(NOTEBOOKS["patient"], as_version=4))
    assert sum(drawn(notebook)) == 3
    assert "lesion(s)" in printed(notebook)
    assert [file.name for file in (tmp_path / "predicted").glob("*.nii.gz")] == [
        f"{demo_run.test_cases[0]}.nii.gz"
    ]
