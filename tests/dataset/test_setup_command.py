"""The command's options: forms of the data, dry run, failed registrations, masks on other phases."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from built_dataset import build
from tiny_phases import LESION, LIVER, QUICK, mask_image, phase_image, write_case

from nnunet_multiphase.alignment.align import align_phases
from nnunet_multiphase.cases.inputs import Inputs
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.dataset.workers import Run
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import FILL_HU

pytestmark = pytest.mark.slow

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    for number in (1, 2):
        write_case(tmp_path / "cohort" / f"case_{number}", seed=number)
    return tmp_path / "cohort"


def test_dry_run_lists_every_case_and_writes_nothing(
    cohort: Path,
    setup_command: Command,
    nnunet_folders: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    from nnunet_multiphase.cli.main import main

    arguments = [
        "setup",
        str(cohort),
        "--dataset-id",
        "501",
        "--name",
        "Tiny",
        "--phases",
        "nc",
        "art",
        "pv",
        "--dry-run",
    ]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "case_1: patient case_1, train, nc art* pv; lesions lesions_art.nii.gz" in out
    assert "2 cases, 0 patients for testing, 0 problem(s); nothing was written" in out
    assert [list(folder.iterdir()) for folder in nnunet_folders] == [[], []]


def test_a_dry_run_works_on_the_dask_cluster_it_was_given(
    cohort: Path, setup_command: Command, nnunet_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    @contextmanager
    def workers(address: str) -> Iterator[Run]:
        def run(function, items):
            asked.append((address, [case.path for case in items]))
            return ((i, function(item)) for i, item in enumerate(items))

        yield run

    monkeypatch.setattr("nnunet_multiphase.dataset.workers.dask_workers", workers)
    monkeypatch.chdir(cohort.parent)
    options = ("--phases", "nc", "art", "pv", "--dry-run", "--dask-scheduler", "tcp://host:8786")
    status, _ = setup_command(Path("cohort"), *options)
    assert status == 0
    assert asked == [("tcp://host:8786", [cohort / "case_1", cohort / "case_2"])]


def test_a_table_with_two_phases_makes_two_channels(
    cohort: Path, setup_command: Command, nnunet_folders: tuple[Path, Path]
) -> None:
    rows = [f"{n},{n}/pv.nii.gz,{n}/art.nii.gz,{n}/lesions_art.nii.gz,art" for n in ("case_1", "case_2")]
    table = cohort.parent / "cases.csv"
    table.write_text("\n".join(["case,pv,art,lesions,reference", *rows]) + "\n")
    assert Inputs(table=table).phases == ("art", "pv")
    status, stderr = setup_command(cohort, "--table", str(table), "--dry-run")
    assert (status, stderr.count("error")) == (0, 0)


def test_dry_run_tells_every_problem(
    cohort: Path, setup_command: Command, nnunet_folders: tuple[Path, Path]
) -> None:
    (cohort / "case_1" / "lesions_art.nii.gz").unlink()
    (nnunet_folders[0] / "Dataset501_Other").mkdir()
    status, stderr = setup_command(cohort, "--dry-run")
    assert status == 2
    for words in ("dataset id 501 is taken", "case_1", "case case_2", "lacks dl.nii.gz"):
        assert words in stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--pattern", "{case}", "--table", "t.csv"), "--pattern and --table exclude each other"),
        (("--lesions", "{case}"), "--lesions: only with --pattern"),
        (("--trust-headers",), "--trust-headers: only with --preset"),
        (("--preset", "kits"), "--preset kits is unknown: expected one of waw-tace"),
        (("--pattern", "{case}", "--phase-names", "arterial=art"), "expected PHASE=NAME"),
        (("--pattern", "{case}", "--phase-names", "art=1", "pv=1"), "expected PHASE=NAME"),
        (("--table", "none.csv"), "none.csv cannot be read"),
        (("--other-labels", "1", "3"), "--other-labels 1 is a label of lesions or liver too"),
        (
            ("--lesion-labels", "2", "--other-labels", "1", "--phases", "nc", "art", "pv"),
            "no mask of the 2 cases holds a lesion",
        ),
        (
            (
                *("--pattern", "{case}/{phase}.nii.gz", "--lesions", "{case}/lesions_{phase}.nii.gz"),
                *("--liver", "{case}/lievr_{phase}.nii.gz"),
            ),
            "the liver pattern '{case}/lievr_{phase}.nii.gz' matches no file",
        ),
    ],
)
@pytest.mark.usefixtures("nnunet_folders")
def test_options_that_do_not_fit_are_refused(
    cohort: Path, setup_command: Command, options: tuple[str, ...], sentence: str
) -> None:
    status, stderr = setup_command(cohort, *options)
    assert status == 2
    assert sentence in stderr


def test_a_pattern_gives_what_case_folders_give(cohort: Path, tmp_path: Path) -> None:
    folders = build(cohort, tmp_path / "a", test_fraction=0.0)
    layout = Layout(
        "{case}/{phase}.nii.gz", {p: p for p in ("nc", "art", "pv")}, lesions="{case}/lesions_{phase}.nii.gz"
    )
    patterns = build(cohort, tmp_path / "b", test_fraction=0.0, inputs=Inputs(layout=layout), phases=None)
    for path in sorted(folders.folder.rglob("*.nii.gz")):
        assert path.read_bytes() == (patterns.folder / path.relative_to(folders.folder)).read_bytes()


def test_a_table_gives_what_case_folders_give(cohort: Path, tmp_path: Path) -> None:
    folders = build(cohort, tmp_path / "a", test_fraction=0.0)
    lines = ["case,nc,art,pv,lesions,reference"]
    lines += [
        f"case_{n},case_{n}/nc.nii.gz,case_{n}/art.nii.gz,case_{n}/pv.nii.gz,case_{n}/lesions_art.nii.gz,art"
        for n in (1, 2)
    ]
    (tmp_path / "cases.csv").write_text("\n".join(lines))
    made = build(cohort, tmp_path / "b", test_fraction=0.0, inputs=Inputs(table=tmp_path / "cases.csv"))
    for path in sorted(folders.folder.rglob("*.nii.gz")):
        assert path.read_bytes() == (made.folder / path.relative_to(folders.folder)).read_bytes()


def test_masks_are_brought_to_the_wanted_reference(tmp_path: Path) -> None:
    # The lesion is drawn on art, which is still; pv is moved by a known shift, so the lesion lies there in pv.
    folder = tmp_path / "cohort" / "case_1"
    folder.mkdir(parents=True)
    art = phase_image("art", spacing_mm=(5.0, 5.0, 7.0), tilt_degrees=12.0)
    sitk.WriteImage(art, str(folder / "art.nii.gz"))
    # Large for the grids: the nearest voxels of a ball of 16 are 18 % off (one standard deviation) wherever the grids fall.
    drawn = (LESION[0], (18.0, 18.0, 18.0))
    sitk.WriteImage(mask_image(art, drawn), str(folder / "lesions_art.nii.gz"))
    shift_mm = (4.0, -3.0, 5.0)
    pv = phase_image("pv", shift_mm=shift_mm, seed=1)
    sitk.WriteImage(pv, str(folder / "pv.nii.gz"))
    moved_liver = (tuple(c + s for c, s in zip(LIVER[0], shift_mm, strict=True)), LIVER[1])
    sitk.WriteImage(mask_image(pv, moved_liver), str(folder / "liver_pv.nii.gz"))
    made = build(
        tmp_path / "cohort",
        tmp_path,
        inputs=Inputs(masks=MaskRule(reference="pv")),
        phases=("art", "pv"),
        test_fraction=0.0,
    )
    assert made.record["reference_phase"] == {"case_1": "pv"}
    label = sitk.ReadImage(str(made.label("case_1")))
    voxels = np.argwhere(sitk.GetArrayFromImage(label))[:, ::-1]
    centre = np.mean([label.TransformIndexToPhysicalPoint([int(i) for i in v]) for v in voxels], axis=0)
    # Half a voxel of the mask's own grid, whose nearest voxel decides.
    assert np.linalg.norm(centre - np.add(LESION[0], shift_mm)) < 3.5
    volume = len(voxels) * np.prod(label.GetSpacing())
    ball = 4 / 3 * np.pi * 18**3
    assert volume == pytest.approx(
        ball, rel=0.15
    )  # 140 voxels: 4 % (one standard deviation) from grids and placing


def test_masks_on_several_phases_are_united(tmp_path: Path) -> None:
    folder = tmp_path / "cohort" / "case_1"
    folder.mkdir(parents=True)
    art, pv = phase_image("art", spacing_mm=(5.0, 5.0, 7.0), tilt_degrees=12.0), phase_image("pv", seed=1)
    elsewhere = ((-20.0, 5.0, 0.0), (7.0, 7.0, 7.0))
    for name, image in (
        ("art", art),
        ("pv", pv),
        ("lesions_art", mask_image(art, LESION)),
        ("lesions_pv", mask_image(pv, elsewhere)),
        ("liver_pv", mask_image(pv, LIVER)),
    ):
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    options = {"phases": ("art", "pv"), "test_fraction": 0.0}
    with pytest.raises(InputError, match="lesion masks on several phases"):
        build(tmp_path / "cohort", tmp_path / "a", **options)
    counts = {}
    for several, reference in (("merge", "pv"), ("reference", "art"), ("reference", "pv")):
        inputs = Inputs(masks=MaskRule(reference, several))
        made = build(tmp_path / "cohort", tmp_path / f"{several}_{reference}", inputs=inputs, **options)
        label = sitk.GetArrayFromImage(sitk.ReadImage(str(made.label("case_1"))))
        counts[several, reference] = int(
            sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(label))).max()
        )
    assert counts == {("merge", "pv"): 2, ("reference", "art"): 1, ("reference", "pv"): 1}


@pytest.fixture(scope="module")
def mismatch() -> dict[str, sitk.Image]:
    """Give two good phases and one that is noise."""
    art = phase_image("art", spacing_mm=(5.0, 5.0, 7.0), tilt_degrees=12.0)
    grid = phase_image("pv", seed=1)
    noise = sitk.GetImageFromArray(
        np.random.default_rng(0).normal(0, 200, grid.GetSize()[::-1]).astype(np.int16)
    )
    noise.CopyInformation(grid)
    return {"art": art, "pv": noise, "nc": phase_image("nc", shift_mm=(3.0, 0.0, 4.0), seed=2)}


def align(mismatch: dict[str, sitk.Image], **options: object):
    liver = mask_image(mismatch["art"], LIVER)
    return align_phases(mismatch, "art", liver_mask=liver, settings=QUICK, case="a", **options)


def test_a_failed_phase_is_kept_and_said_by_default(mismatch: dict[str, sitk.Image]) -> None:
    aligned = align(mismatch)
    assert aligned.results["pv"].verdict == "failed"
    assert aligned.results["nc"].verdict != "failed"
    assert set(aligned.images) == {"art", "pv", "nc"}
    assert aligned.dropped == aligned.by_header == ()


def test_a_failed_phase_can_be_left_out(mismatch: dict[str, sitk.Image]) -> None:
    aligned = align(mismatch, on_failure="drop-phase")
    assert aligned.dropped == ("pv",)
    assert set(aligned.images) == {"art", "nc"}


def test_a_failed_phase_can_keep_its_headers_position(mismatch: dict[str, sitk.Image]) -> None:
    aligned = align(mismatch, on_failure="header")
    assert aligned.by_header == ("pv",)
    assert aligned.transforms["pv"].TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    assert aligned.transforms["nc"].TransformPoint((1.0, 2.0, 3.0)) != (1.0, 2.0, 3.0)


def test_a_case_with_a_failed_phase_can_be_left_out(mismatch: dict[str, sitk.Image]) -> None:
    with pytest.raises(InputError, match="case a: registration of pv to art failed"):
        align(mismatch, on_failure="drop-case")


def test_a_case_whose_every_other_phase_failed_is_left_out(mismatch: dict[str, sitk.Image]) -> None:
    with pytest.raises(InputError, match=r"every other phase failed \(pv\)"):
        align({phase: mismatch[phase] for phase in ("art", "pv")}, on_failure="drop-phase")


def test_registered_phases_are_checked_and_not_moved(mismatch: dict[str, sitk.Image]) -> None:
    aligned = align({phase: mismatch[phase] for phase in ("art", "nc")}, registered=True)
    assert aligned.by_header == ("nc",)
    assert aligned.transforms["nc"].TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    found = np.subtract(aligned.results["nc"].transform.TransformPoint(LIVER[0]), LIVER[0])
    assert np.linalg.norm(found - (3.0, 0.0, 4.0)) < 3.5  # half of a thick slice


def test_a_left_out_phase_is_air_and_recorded(tmp_path: Path, mismatch: dict[str, sitk.Image]) -> None:
    write_mismatch(tmp_path / "cohort" / "case_1", mismatch)
    made = build(tmp_path / "cohort", tmp_path, on_failure="drop-phase", test_fraction=0.0)
    assert made.record["filled"] == {"case_1": ["pv"]}
    assert (sitk.GetArrayFromImage(sitk.ReadImage(str(made.image("case_1", 2)))) == FILL_HU).all()
    rows = {row["phase"]: row for row in made.quality}
    assert [rows[p]["status"] for p in ("nc", "art", "pv")] == ["present", "present", "dropped"]
    assert rows["pv"]["verdict"] == "failed"
    # By the liver mask: its edges are met in the phase that matches, and not in the other.
    assert float(rows["nc"]["edge_agreement"]) > 0.45 > float(rows["pv"]["edge_agreement"] or 0.0)
    assert "left out" in rows["pv"]["warnings"]
    assert not (made.folder / "registration" / "case_1_pv.tfm").exists()
    with (made.folder / "quality.csv").open(newline="") as stream:
        assert "placed_by" in (csv.DictReader(stream).fieldnames or [])


def test_a_doubtful_phase_is_recorded_for_training(tmp_path: Path, mismatch: dict[str, sitk.Image]) -> None:
    write_mismatch(tmp_path / "cohort" / "case_1", mismatch)
    made = build(tmp_path / "cohort", tmp_path, test_fraction=0.0)
    verdicts = {row["phase"]: row["verdict"] for row in made.quality}
    assert verdicts["pv"] == "failed"
    doubtful = [phase for phase, verdict in verdicts.items() if verdict in ("check", "failed")]
    assert made.record["doubtful_registration"] == {"case_1": doubtful}
    # What its registration may have left is known of each phase that did not fail.
    known = made.record["registration_error_mm"]["case_1"]
    assert set(known) == {phase for phase, verdict in verdicts.items() if verdict in ("ok", "check")}
    quality = {row["phase"]: row for row in made.quality}
    assert all(
        mm == pytest.approx(float(quality[phase]["expected_error_mm"]), abs=0.006)
        for phase, mm in known.items()
    )


def test_a_failed_phase_without_data_in_the_crop_is_a_filled_one(
    tmp_path: Path, mismatch: dict[str, sitk.Image]
) -> None:
    """It lies where its header says, metres away: training has to know that its channel is air."""
    away = sitk.Image(mismatch["pv"])
    away.SetOrigin([value + 3000.0 for value in away.GetOrigin()])
    write_mismatch(tmp_path / "cohort" / "case_1", {**mismatch, "pv": away})
    made = build(tmp_path / "cohort", tmp_path / "a", test_fraction=0.0, on_failure="header")
    assert {row["phase"]: row["verdict"] for row in made.quality}["pv"] == "failed"
    assert made.record["filled"] == {"case_1": ["pv"]}


def write_mismatch(folder: Path, mismatch: dict[str, sitk.Image], drawn_on: str = "art") -> None:
    folder.mkdir(parents=True)
    for phase, image in mismatch.items():
        sitk.WriteImage(image, str(folder / f"{phase}.nii.gz"))
    sitk.WriteImage(mask_image(mismatch[drawn_on], LESION), str(folder / f"lesions_{drawn_on}.nii.gz"))
    sitk.WriteImage(mask_image(mismatch["art"], LIVER), str(folder / "liver_art.nii.gz"))


def test_a_mask_on_a_phase_that_could_not_be_registered_fails_the_case(
    tmp_path: Path, mismatch: dict[str, sitk.Image]
) -> None:
    write_mismatch(tmp_path / "cohort" / "case_1", mismatch, drawn_on="pv")
    inputs = Inputs(masks=MaskRule(reference="art"))
    with pytest.raises(InputError, match="lesions are drawn on pv, whose registration to art failed"):
        build(tmp_path / "cohort", tmp_path / "a", test_fraction=0.0, inputs=inputs)
    made = build(tmp_path / "cohort", tmp_path / "b", test_fraction=0.0, inputs=inputs, on_failure="header")
    assert made.summary.failures == ()


def test_a_lesion_that_would_be_lost_fails_the_case(mismatch: dict[str, sitk.Image]) -> None:
    nc = mismatch["nc"]
    mask = mask_image(nc, LESION)
    mask[0, 0, 0] = 1  # a second lesion, in a corner that the reference does not show
    with pytest.raises(InputError, match="lesions drawn on nc: 1 of 2 are lost on art's grid"):
        align({phase: mismatch[phase] for phase in ("art", "nc")}, moving_masks={"nc": mask})


def test_phases_must_hold_what_the_masks_are_drawn_on(
    cohort: Path, setup_command: Command, nnunet_folders: tuple[Path, Path]
) -> None:
    status, stderr = setup_command(cohort, "--phases", "nc", "pv", "--reference", "pv", "--dry-run")
    assert status == 2
    assert "art is what lesions are drawn on, and none of the chosen phases nc, pv" in stderr
    status, stderr = setup_command(cohort, "--phases", "nc", "art", "--reference", "pv", "--dry-run")
    assert "pv is the reference, and none of the chosen phases" in stderr


@pytest.mark.parametrize(
    "options", [("--jobs", "0"), ("--seed", "-1"), ("--folds", "1"), ("--test-fraction", "3")]
)
@pytest.mark.usefixtures("nnunet_folders")
def test_a_dry_run_refuses_what_a_run_refuses(
    cohort: Path, setup_command: Command, options: tuple[str, str]
) -> None:
    status, stderr = setup_command(cohort, "--dry-run", *options)
    assert status == 2
    assert "expected" in stderr
    assert "Traceback" not in stderr


def test_presets_are_listed_without_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    from nnunet_multiphase.cli.main import main

    with pytest.raises(SystemExit) as stopped:
        main(["setup", "--list-presets"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "waw-tace" in out
    assert "plc-cect           as patient_data.csv says" in out


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
