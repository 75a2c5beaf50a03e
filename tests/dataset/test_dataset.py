"""The dataset: nnU-Net takes it, every step can be redone from its files, nothing is left half-written."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import LIVER, QUICK, mask_image, write_case

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.dataset.build import DatasetSummary, build_dataset
from nnunet_multiphase.dataset.convert import CaseJob, case_files
from nnunet_multiphase.dataset.destination import choose_destination, claimed_partial_folder
from nnunet_multiphase.dataset.finished import convert_once, fingerprint, recall, started_run
from nnunet_multiphase.dataset.options import DatasetOptions
from nnunet_multiphase.errors import InputError, is_ctrl_c
from registration.resample import resample_image

pytestmark = pytest.mark.slow

PHASES = ("nc", "art", "pv")
PATIENTS = {"case_1": "A", "case_2": "A", "case_3": "B", "case_4": "C", "case_5": "D"}
SCRIPT = Path(__file__).parents[2] / "setup_dataset.py"


@dataclass(frozen=True)
class Built:
    cohort: Path
    folder: Path
    preprocessed: Path
    summary: DatasetSummary

    @property
    def record(self) -> dict[str, Any]:
        return json.loads((self.folder / "dataset.json").read_text())

    @property
    def quality(self) -> list[dict[str, str]]:
        with (self.folder / "quality.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    def image(self, case: str, channel: int) -> Path:
        (path,) = self.folder.glob(f"images??/{case}_{channel:04d}.nii.gz")
        return path

    def label(self, case: str) -> Path:
        (path,) = self.folder.glob(f"labels??/{case}.nii.gz")
        return path


def build(cohort: Path, place: Path, **options: Any) -> Built:
    """Build the cohort's dataset in a place of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("nnUNet_raw", "nnUNet_preprocessed"):
            (place / name).mkdir(parents=True, exist_ok=True)
            patch.setenv(name, str(place / name))
        patch.delenv("nnUNet_results", raising=False)
        wanted = {"missing": "fill", "phases": PHASES, "folds": 2, "settings": QUICK, **options}
        kind = {
            field.name: wanted.pop(field.name) for field in fields(DatasetOptions) if field.name in wanted
        }
        summary = build_dataset(cohort, 501, "Tiny", DatasetOptions(**kind), **wanted)
    return Built(cohort, summary.folder, place / "nnUNet_preprocessed" / "Dataset501_Tiny", summary)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write five cases of four patients; case_3 lacks nc, case_4 is drawn on pv, case_5's liver is on another phase."""
    raw = tmp_path_factory.mktemp("cohort")
    for number in range(1, 6):
        write_case(
            raw / f"case_{number}",
            reference="pv" if number == 4 else "art",
            phases=("art", "pv") if number == 3 else PHASES,
            liver=number < 5,
            seed=number,
        )
    (raw / "patients.csv").write_text("case,patient\n" + "".join(f"{c},{p}\n" for c, p in PATIENTS.items()))
    (raw / "case_1" / "truth.json").write_text("{}")
    pv = sitk.ReadImage(str(raw / "case_5" / "pv.nii.gz"))
    sitk.WriteImage(mask_image(pv, LIVER), str(raw / "case_5" / "liver_pv.nii.gz"))
    return raw


@pytest.fixture(scope="module")
def built(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(cohort, tmp_path_factory.mktemp("one_job"), jobs=1)


@pytest.fixture(scope="module")
def built_by_two(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(cohort, tmp_path_factory.mktemp("two_jobs"), jobs=2)


def test_nnunet_accepts_it(
    built: Built, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    verify_dataset_integrity(str(built.folder), 1)
    said = capsys.readouterr().out
    assert "Error" not in said
    assert "Warning" not in said


def test_every_channel_is_named_ct(built: Built) -> None:
    assert built.record["channel_names"] == {"0": "CT", "1": "CT", "2": "CT"}
    assert built.record["phases"] == list(PHASES)
    assert built.record["labels"] == {"background": 0, "lesion": 1}


def test_reference_phase_is_the_masks(built: Built) -> None:
    expected = dict.fromkeys(PATIENTS, "art") | {"case_4": "pv"}
    assert built.record["reference_phase"] == expected


@pytest.mark.parametrize("case", list(PATIENTS))
def test_labels_are_those_drawn(built: Built, case: str) -> None:
    (drawn,) = (built.cohort / case).glob("lesions_*.nii.gz")
    before = sitk.GetArrayFromImage(sitk.ReadImage(str(drawn)))
    label = sitk.ReadImage(str(built.label(case)))
    after = sitk.GetArrayFromImage(label)
    assert np.array_equal(np.unique(after), np.unique(before))
    assert after.sum() == before.sum()  # no lesion voxel is lost to the crop
    assert label.GetPixelID() == sitk.sitkUInt8


@pytest.mark.parametrize(("case", "phase"), [("case_1", "nc"), ("case_3", "pv"), ("case_4", "art")])
def test_stored_transform_gives_the_stored_image(built: Built, case: str, phase: str) -> None:
    stored = sitk.ReadImage(str(built.image(case, PHASES.index(phase))))
    transform = sitk.ReadTransform(str(built.folder / "registration" / f"{case}_{phase}.tfm"))
    moving = sitk.ReadImage(str(built.cohort / case / f"{phase}.nii.gz"))
    again = resample_image(moving, stored, transform)
    difference = np.abs(
        sitk.GetArrayFromImage(again).astype(int) - sitk.GetArrayFromImage(stored).astype(int)
    )
    # The crop's origin and the .tfm are rounded when written: rarely a HU of rounding, or a border voxel.
    assert np.mean(difference > 1) < 1e-3


def test_reference_channel_is_cut_out_unchanged(built: Built) -> None:
    stored = sitk.ReadImage(str(built.image("case_1", PHASES.index("art"))))
    original = sitk.ReadImage(str(built.cohort / "case_1" / "art.nii.gz"))
    index = original.TransformPhysicalPointToIndex(stored.GetOrigin())
    cut = sitk.RegionOfInterest(original, stored.GetSize(), index)
    assert np.array_equal(sitk.GetArrayFromImage(stored), sitk.GetArrayFromImage(cut))


def test_every_moving_phase_has_its_transform(built: Built) -> None:
    names = {path.stem for path in (built.folder / "registration").glob("*.tfm")}
    assert names == {
        "case_1_nc", "case_1_pv", "case_2_nc", "case_2_pv", "case_3_pv",
        "case_4_nc", "case_4_art", "case_5_nc", "case_5_pv",
    }  # fmt: skip


def test_every_case_has_a_picture(built: Built) -> None:
    pictures = sorted((built.folder / "registration" / "overview").glob("*.png"))
    assert [path.stem for path in pictures] == list(PATIENTS)
    from matplotlib.image import imread

    pixels = imread(pictures[0])[..., :3]
    assert min(pixels.shape[:2]) > 200
    # Something of the reference (magenta), of the moving phase (green) and of the lesion (yellow) can be seen.
    red, green, blue = (pixels[..., channel] for channel in range(3))
    assert ((red > green + 0.2) & (blue > green + 0.2)).any()
    assert ((green > red + 0.2) & (green > blue + 0.2)).any()
    assert ((red > 0.9) & (green > 0.8) & (blue < 0.3)).any()


def test_missing_phase_is_filled_with_air_and_recorded(built: Built) -> None:
    channel = sitk.GetArrayFromImage(sitk.ReadImage(str(built.image("case_3", 0))))
    assert np.unique(channel).tolist() == [-1024]
    assert built.record["filled"] == {"case_3": ["nc"]}
    assert built.summary.filled == {"case_3": ("nc",)}
    filled = [(row["case"], row["phase"]) for row in built.quality if row["status"] == "filled"]
    assert filled == [("case_3", "nc")]


def test_quality_table_has_a_line_per_case_and_phase(built: Built) -> None:
    assert [(row["case"], row["phase"]) for row in built.quality] == [
        (c, p) for c in PATIENTS for p in PHASES
    ]
    for row in built.quality:
        if row["status"] == "present" and row["phase"] != row["reference"]:
            assert float(row["similarity_after"]) > float(row["similarity_before"])
            # At most sqrt(3) x 6 mm were put in, and a voxel is 7 mm at its longest.
            assert float(row["shift_mm"]) < 6 * 3**0.5 + 7


def test_quality_table_says_what_was_fitted(built: Built) -> None:
    fitted = {(row["case"], row["phase"]): row["region"] for row in built.quality}
    assert [fitted["case_1", phase] for phase in PHASES] == ["mask", "", "mask"]  # art is the reference
    assert [fitted["case_5", phase] for phase in PHASES] == ["liver", "", "liver"]


def test_liver_on_another_phase_is_warned_of(built: Built) -> None:
    (warning,) = [text for text in built.summary.warnings if "fitted without a mask" in text]
    assert warning.startswith("case case_5, phase art: liver_pv.nii.gz is not used")
    warned = [row["case"] for row in built.quality if "fitted without a mask" in row["warnings"]]
    assert warned == ["case_5"]


def test_ignored_masks_are_named_before_other_files(built: Built) -> None:
    (line,) = [text for text in built.summary.warnings if text.startswith("ignored")]
    masks, other = (
        "case_5/liver_pv.nii.gz (not on the reference phase art)",
        "case_1/truth.json (no volume file)",
    )
    assert line == f"ignored 2 file(s): {masks}, {other}"


def test_patients_are_not_split(built: Built) -> None:
    train, test = set(built.summary.train), set(built.summary.test)
    assert train | test == set(PATIENTS)
    assert not {PATIENTS[c] for c in train} & {PATIENTS[c] for c in test}
    assert len({PATIENTS[c] for c in test}) == 1  # 0.2 x 4 patients
    for fold in json.loads((built.folder / "splits_final.json").read_text()):
        assert not {PATIENTS[c] for c in fold["train"]} & {PATIENTS[c] for c in fold["val"]}
        assert set(fold["train"]) | set(fold["val"]) == train


def test_nnunet_finds_the_splits(built: Built) -> None:
    ours = (built.folder / "splits_final.json").read_bytes()
    assert (built.preprocessed / "splits_final.json").read_bytes() == ours


def test_nothing_hidden_is_left(built: Built) -> None:
    assert [path.name for path in built.folder.parent.iterdir()] == ["Dataset501_Tiny"]


def comparable(built: Built) -> dict[str, bytes]:
    """Read every byte that is not a time."""
    files = {
        str(path.relative_to(built.folder)): path.read_bytes()
        for path in sorted(built.folder.rglob("*"))
        if path.is_file() and path.name != "quality.csv"
    }
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in built.quality]
    return files | {"quality.csv": json.dumps(rows).encode()}


def test_two_jobs_give_the_same_bytes(built: Built, built_by_two: Built) -> None:
    one, two = comparable(built), comparable(built_by_two)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_a_failing_case_costs_no_other(built: Built, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    for name in ("case_1", "case_2", "case_3"):
        shutil.copytree(built.cohort / name, cohort / name)
    path = cohort / "case_2" / "pv.nii.gz"
    nothing = sitk.ReadImage(str(path)) * 0 - 1000
    nothing[5, 5, 5] = 500  # nothing that can be aligned
    sitk.WriteImage(nothing, str(path))
    made = build(cohort, tmp_path, test_fraction=0.0, accept=("hu-scale",))  # or it would be refused before
    (failure,) = made.summary.failures
    assert "case case_2, phase pv" in failure
    assert any("case_2/pv.nii.gz holds values from -1000" in warning for warning in made.summary.warnings)
    assert made.record["accepted"] == {"case_2": ["hu-scale"]}
    assert made.summary.train == ("case_1", "case_3")
    assert made.record["numTraining"] == 2
    assert not list(made.folder.rglob("case_2*"))
    assert {row["split"] for row in made.quality if row["case"] == "case_2"} == {"failed"}


def test_skip_leaves_the_case_out(built: Built, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    for name in ("case_1", "case_3"):
        shutil.copytree(built.cohort / name, cohort / name)
    (cohort / "case_3" / "pv.nii.gz").write_text("no image")  # it is left out unopened
    made = build(cohort, tmp_path, missing="skip")
    assert made.summary.skipped == ("case_3",)
    assert made.summary.train == ("case_1",)
    statuses = {row["phase"]: row["status"] for row in made.quality if row["case"] == "case_3"}
    assert statuses == {"nc": "missing", "art": "present", "pv": "present"}


def test_existing_dataset_is_kept_without_overwrite(built: Built) -> None:
    before = comparable(built)
    with pytest.raises(InputError, match="501"):
        build(built.cohort, built.folder.parent.parent)
    assert comparable(built) == before


def test_overwrite_replaces_the_dataset_and_what_came_of_it(built: Built, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    for name in ("case_1", "case_2"):
        shutil.copytree(built.cohort / name, cohort / name)
    first = build(cohort, tmp_path)
    (first.preprocessed / "dataset_fingerprint.json").write_text("of the old cases")
    shutil.rmtree(cohort / "case_2")
    second = build(cohort, tmp_path, overwrite=True)
    assert second.summary.train == ("case_1",)
    assert [path.name for path in second.preprocessed.iterdir()] == ["splits_final.json"]
    assert [path.name for path in second.folder.parent.iterdir()] == ["Dataset501_Tiny"]


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start setup_dataset.py as a user does, in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start_command(cohort: Path, *options: str) -> subprocess.Popen[str]:
        arguments = [str(cohort), "--dataset-id", "501", "--name", "Tiny", *options]
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ.copy(),
            # A suite that a shell started in the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start_command
    for process in started:
        process.kill()


@pytest.fixture
def command(
    cohort: Path, nnunet_folders: tuple[Path, Path], start: Callable[..., subprocess.Popen[str]]
) -> Callable[..., subprocess.Popen[str]]:
    """Start setup_dataset.py on the cohort."""
    return lambda *options: start(cohort, "--phases", *PHASES, *options)


def wait_for(found: Callable[[], Iterator[Path]]) -> None:
    """Wait until a file is there; the limit is for a command that never writes, not for one on a busy machine."""
    deadline = time.monotonic() + 600
    while not any(found()):
        assert time.monotonic() < deadline, "the command wrote nothing"
        time.sleep(0.02)


def test_ctrl_c_within_compiled_code_is_no_failure_of_a_case() -> None:
    error = SystemError("returned a result with an exception set")
    error.__cause__ = KeyboardInterrupt()
    assert is_ctrl_c(error)
    assert not is_ctrl_c(SystemError("of its own"))


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopped_command_leaves_no_dataset(
    command: Callable[..., subprocess.Popen[str]],
    nnunet_folders: tuple[Path, Path],
    jobs: str,
    stop: signal.Signals,
) -> None:
    process = command("--missing", "fill", "--jobs", jobs)
    wait_for(lambda: nnunet_folders[0].glob(".*.partial"))
    process.send_signal(stop)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    # What nnU-Net sees: nothing. The hidden folder is where the next run goes on.
    assert [list(folder.glob("[!.]*")) for folder in nnunet_folders] == [[], []]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_command_is_gone_on_with(
    start: Callable[..., subprocess.Popen[str]],
    nnunet_folders: tuple[Path, Path],
    tmp_path: Path,
    jobs: str,
) -> None:
    for number in range(4):
        write_case(tmp_path / "cohort" / f"case_{number}", phases=("art", "pv"), seed=number)
    partial = nnunet_folders[0] / ".Dataset501_Tiny.partial"
    options = ("--phases", "art", "pv", "--jobs", jobs, "--test-fraction", "0")
    process = start(tmp_path / "cohort", *options)
    wait_for(lambda: (partial / "finished").glob("*.json"))
    process.kill()
    process.communicate(timeout=600)
    time.sleep(1.5)  # workers that outlived their parent would still write
    done = {path.stem for path in (partial / "finished").glob("*.json")}
    written = {case: (partial / "labelsTr" / f"{case}.nii.gz").stat().st_mtime_ns for case in done}
    (partial / "labelsTr" / "stranger.nii.gz").touch()  # as of a case that is not in the cohort any more
    process = start(tmp_path / "cohort", *options)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    folder = nnunet_folders[0] / "Dataset501_Tiny"
    assert {c: (folder / "labelsTr" / f"{c}.nii.gz").stat().st_mtime_ns for c in done} == written
    assert sorted(path.name for path in (folder / "labelsTr").iterdir()) == [
        f"case_{n}.nii.gz" for n in range(4)
    ]
    assert len(list((folder / "imagesTr").iterdir())) == 8
    assert not partial.exists()
    assert not list(folder.glob("finished")) + list(folder.glob("run"))


def test_a_failure_at_the_very_end_loses_no_case(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("nnunet_multiphase.dataset.build.publish", fail)
        with pytest.raises(OSError, match="no space left"):
            build(built.cohort, tmp_path)
    partial = tmp_path / "nnUNet_raw" / ".Dataset501_Tiny.partial"
    written = {p.name: p.stat().st_mtime_ns for p in partial.rglob("*.nii.gz")}
    made = build(built.cohort, tmp_path)
    assert {p.name: p.stat().st_mtime_ns for p in made.folder.rglob("*.nii.gz")} == written
    assert not (made.folder / "finished").exists()


def test_two_processes_do_not_make_one_dataset(
    command: Callable[..., subprocess.Popen[str]], nnunet_folders: tuple[Path, Path]
) -> None:
    destination = choose_destination(501, "Tiny", overwrite=False)
    with claimed_partial_folder(destination):
        process = command("--missing", "fill")
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 2
    assert "is being made by another process right now" in stderr
    with claimed_partial_folder(destination):  # it was let go
        pass


def test_a_worker_left_behind_by_an_earlier_run_writes_nothing(built: Built, tmp_path: Path) -> None:
    job = job_of(built, tmp_path)
    with started_run(tmp_path) as token:
        assert convert_once(replace(job, run=token)).failure == ""
    for path in case_files(job):
        path.unlink(missing_ok=True)
    with started_run(tmp_path), pytest.raises(OSError, match="has ended"):
        convert_once(replace(job, run=token, mark="another"))
    with pytest.raises(OSError, match="has ended"):
        convert_once(replace(job, run=token, mark="another"))
    assert not any(path.exists() for path in case_files(job))


def test_a_finished_case_whose_input_has_changed_is_done_again(built: Built, tmp_path: Path) -> None:
    job = job_of(built, tmp_path)
    outcome = convert_once(job)
    assert recall(job) == outcome
    assert recall(replace(job, mark="other inputs")) is None
    case_files(job, outcome)[0].unlink()
    assert recall(job) is None


def test_the_mark_of_a_case_follows_its_content(built: Built, tmp_path: Path) -> None:
    job = job_of(built, tmp_path)
    report = check_case(job.case)
    assert fingerprint(job, report) == fingerprint(job, check_case(job.case))
    copy = tmp_path / "copy" / job.case.path.name
    shutil.copytree(job.case.path, copy)
    same = read_case_folder(copy, require_lesions=True)
    assert check_case(same).parts == report.parts
    pv = sitk.ReadImage(str(copy / "pv.nii.gz"))
    pv[0, 0, 0] += 1
    sitk.WriteImage(pv, str(copy / "pv.nii.gz"))
    assert check_case(same).parts != report.parts
    assert fingerprint(replace(job, on_failure="header"), report) != fingerprint(job, report)


def test_the_mark_of_a_case_follows_the_code(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(built, tmp_path)
    report = check_case(job.case)
    before = fingerprint(job, report)
    monkeypatch.setattr("nnunet_multiphase.dataset.finished.code_digest", lambda: "another state")
    assert fingerprint(job, report) != before


def test_a_worker_with_other_code_is_refused(built: Built, tmp_path: Path) -> None:
    job = job_of(built, tmp_path)
    with pytest.raises(InputError, match=r"case case_1: the worker on .* runs another state"):
        convert_once(replace(job, code="another state"))
    assert not any(path.exists() for path in case_files(job))


def job_of(built: Built, folder: Path) -> CaseJob:
    """Make the job of the cohort's first case, in a dataset folder of its own."""
    for name in ("imagesTr", "labelsTr", "registration/overview", "finished"):
        (folder / name).mkdir(parents=True)
    case = read_case_folder(built.cohort / "case_1", require_lesions=True)
    return CaseJob(case, "train", tuple(case.images), folder, QUICK, mark="m")


def test_script_names_every_case_that_lacks_a_phase(command: Callable[..., subprocess.Popen[str]]) -> None:
    process = command()
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 2
    assert [
        line for line in stderr.splitlines() if "error:" in line and "case_3" in line and "nc.nii.gz" in line
    ]


def test_help_imports_nothing_heavy() -> None:
    asked = (
        "import argparse, sys; from nnunet_multiphase.cli import register, setup;"
        "p = argparse.ArgumentParser(); setup.add_arguments(p); q = argparse.ArgumentParser(); register.add_arguments(q);"
        "p.format_help(); q.format_help();"
        "print([m for m in ('numpy', 'SimpleITK', 'torch', 'numba', 'nnunetv2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    assert done.stdout.strip() == "[]"


def test_register_command_is_the_registration_module(cohort: Path, tmp_path: Path) -> None:
    import argparse

    from nnunet_multiphase.cli import register

    parser = argparse.ArgumentParser()
    register.add_arguments(parser)
    transform = tmp_path / "pv.tfm"
    case = cohort / "case_1"
    options = ["--transform", str(transform), "--seed", "3", "--json", str(tmp_path / "pv.json")]
    arguments = parser.parse_args([str(case / "art.nii.gz"), str(case / "pv.nii.gz"), *options])
    assert register.run(arguments) == 0
    written = json.loads((tmp_path / "pv.json").read_text())
    assert written["seed"] == 3
    assert sitk.ReadTransform(str(transform)).GetParameters() == pytest.approx(
        written["angles_rad_translation_mm"]
    )
