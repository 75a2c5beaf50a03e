"""`nnunet-multiphase benchmark --evaluate-only`: tables and page of saved predictions, again and again the same."""

import csv
import shutil
from dataclasses import replace

import pytest
import SimpleITK as sitk
from made_up import Skill, make_benchmark, tiny_volumes

from nnunet_multiphase.benchmark.layout import (
    PLAN,
    Training,
    prediction_file,
    read_plan,
    truth_file,
    write_plan,
)
from nnunet_multiphase.benchmark.tables import TABLES
from nnunet_multiphase.cli.main import main

MADE = (*TABLES, "benchmark.html")
OURS = Training("ours", 0, 0)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark") / "work"
    good = Skill(border_mm=0.8, missed_mm=2, false=0.2, seed=1)
    make_benchmark(folder, tiny_volumes(3), {"vanilla": good, "ours": good}, seeds=(0,), test=1)
    return folder


def evaluated(work, *options):
    assert main(["benchmark", "-o", str(work), "--evaluate-only", *options]) == 0
    return {name: (work / name).read_bytes() for name in MADE}


def test_everything_is_made_again_to_the_byte_and_nothing_else_is_touched(work):
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    first = evaluated(work)
    for name in MADE:
        (work / name).unlink()
    assert evaluated(work, "--json") == first
    after = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    assert {path for path in after if path not in before} == {work / name for name in MADE}
    assert {path: after[path] for path in before} == before


def test_the_others_may_be_compared_with_any_of_them(work, capsys):
    evaluated(work, "--against", "ours")
    assert "vanilla, Dice minus that of ours" in capsys.readouterr().out


def test_a_folder_without_a_benchmark_is_refused(tmp_path, capsys):
    assert main(["benchmark", "-o", str(tmp_path), "--evaluate-only"]) == 2
    assert f"{PLAN} is missing" in capsys.readouterr().err


def brought(work, tmp_path, change):
    """Copy the benchmark; ours is predictions that somebody brings, changed case by case, without a cost."""
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    for cost in (copy / "ours").rglob("cost.json"):
        cost.unlink()
    for case in (path.name.partition(".")[0] for path in (copy / OURS.predictions).iterdir()):
        path = prediction_file(copy, OURS, case)
        sitk.WriteImage(change(sitk.ReadImage(str(path))), str(path))
    return copy


def files_of(work):
    return {path: path.read_bytes() for path in work.rglob("*.nii.gz")}


def without_header(image):
    """Leave the voxels alone, as an array that was saved without its place."""
    image.SetSpacing((1.0, 1.0, 1.0))
    image.SetOrigin((0.0, 0.0, 0.0))
    return image


def shifted(image):
    """Keep the lattice, but begin elsewhere: an origin that was lost."""
    image.SetOrigin(
        [o + n * s for o, n, s in zip(image.GetOrigin(), (9, 0, 2), image.GetSpacing(), strict=True)]
    )
    return image


@pytest.mark.parametrize("change", [without_header, shifted])
def test_predictions_that_lie_elsewhere_are_refused_and_left_as_they_are(work, tmp_path, capsys, change):
    copy = brought(work, tmp_path, change)
    before = files_of(copy)
    assert main(["benchmark", "-o", str(copy), "--evaluate-only"]) == 2
    said = capsys.readouterr().err
    path = min(path for path in before if path.is_relative_to(copy / OURS.predictions))
    assert f"ours, seed 0, fold 0: case {path.name.partition('.')[0]}: {path} and its truth" in said
    assert "must lie on one grid" in said
    assert files_of(copy) == before
    assert not (copy / OURS.cost).exists()


def test_the_grid_of_the_image_predicted_from_is_known(work, tmp_path):
    copy = brought(work, tmp_path, shifted)
    plan = read_plan(copy)
    name = "Dataset903_BenchmarkUnregistered"
    write_plan(copy, replace(plan, places={"ours": (name, "nnUNet_raw", "nnUNet_preprocessed")}))
    images = copy / "nnUNet_raw" / name / "imagesTr"
    images.mkdir(parents=True)
    (images.parent / "dataset.json").write_text('{"file_ending": ".nii.gz"}')
    for case in plan.cases_of(0):
        image = sitk.ReadImage(str(truth_file(copy, case)))
        sitk.WriteImage(shifted(image), str(images / f"{case}_0000.nii.gz"))
    before = files_of(copy)
    evaluated(copy)
    assert files_of(copy) == before


@pytest.mark.parametrize("around", [False, True])
def test_another_cut_of_the_same_voxels_is_judged_there_and_left_as_it_is(work, tmp_path, around):
    def cut(image):
        whole = sitk.ConstantPad(image, (3, 0, 1), (2, 5, 0), 0)
        return whole if around else image[1:, :-1, :]

    copy = brought(work, tmp_path, cut)
    inside = [slice(None), slice(None, -1), slice(1, None)]
    before = files_of(copy)
    evaluated(copy)
    assert files_of(copy) == before
    case = min(before, key=lambda path: path.name).name.partition(".")[0]
    rows = (copy / "cases.csv").read_text().splitlines()
    assert any(row.startswith("validation,ours") and case in row for row in rows)
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(prediction_file(work, OURS, case))))
    kept = found if around else found[tuple(inside)]
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(truth_file(work, case))))
    overlap = (kept & (truth if around else truth[tuple(inside)])).sum()
    expected = 2 * overlap / (kept.sum() + truth.sum())
    (row,) = (row.split(",") for row in rows if row.startswith("validation,ours") and case in row)
    assert float(row[rows[0].split(",").index("dice")]) == pytest.approx(expected)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Make a benchmark of two contestants, two seeds and two folds."""
    folder = tmp_path_factory.mktemp("several") / "work"
    good = Skill(border_mm=0.8, missed_mm=2, false=0.2, seed=1)
    make_benchmark(folder, tiny_volumes(4), {"vanilla": good, "ours": good}, folds=2, seeds=(0, 1))
    return folder


@pytest.mark.parametrize(
    ("options", "column", "kept"),
    [
        (("--contestants", "rigid"), "contestant", {"ours"}),
        (("--seeds", "1"), "seed", {"1"}),
        (("--folds", "1"), "fold", {"1"}),
        (("-d", "501", "--budget", "epochs=50", "-c", "3d_fullres"), "fold", {"0", "1"}),
    ],
)
def test_what_is_asked_for_is_scored_and_nothing_else(several, options, column, kept):
    rows = list(csv.DictReader(evaluated(several, *options)["cases.csv"].decode().splitlines()))
    assert {row[column] for row in rows} == kept


def test_the_first_that_is_asked_for_is_compared_with(several, capsys):
    evaluated(several, "--contestants", "ours", "vanilla")
    assert "vanilla, Dice minus that of ours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--contestants", "vanilaa", "ours"), "--contestants vanilaa: not in"),
        (("--seeds", "0", "9"), "--seeds 9: not in"),
        (("--folds", "7"), "--folds 7: not in"),
        (("-d", "999"), "another dataset (Dataset501_MadeUp, now 999)"),
        (("--epochs", "100"), "another budget (epochs=50, now epochs=100)"),
        (("-c", "2d"), "another configuration (3d_fullres, now 2d)"),
        (("--disable-tta",), "another mirroring (True, now False)"),
        (("-step_size", "1"), "another step size (0.5, now 1.0)"),
        (("--contestants", "ours", "--against", "vanilla"), "vanilla cannot be compared with"),
    ],
)
def test_what_the_folder_does_not_hold_is_refused(several, capsys, options, said):
    before = {path: path.stat().st_mtime_ns for path in several.rglob("*") if path.is_file()}
    assert main(["benchmark", "-o", str(several), "--evaluate-only", *options]) == 2
    assert said in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in several.rglob("*") if path.is_file()} == before
