"""The command line, the picture, and what importing costs."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.cli.main import main as command
from registration.__main__ import main
from registration.figure import overlay_figure
from registration.volume_file import read_volume

pytestmark = pytest.mark.slow


def test_the_command_writes_all_it_is_asked_for(files: Path, tmp_path: Path) -> None:
    endings = {"t": ".tfm", "m": ".nii.gz", "j": ".json", "f": ".png"}
    out = {name: tmp_path / f"out{ending}" for name, ending in endings.items()}
    arguments = [str(files / "reference.nii.gz"), str(files / "moving.nii.gz"), "--transform", str(out["t"])]
    arguments += ["--moved", str(out["m"]), "--json", str(out["j"]), "--figure", str(out["f"])]
    assert main([*arguments, "--reference-mask", str(files / "mask.nii.gz"), "--seed", "3"]) == 0
    transform, summary = sitk.ReadTransform(str(out["t"])), json.loads(out["j"].read_text())
    assert np.allclose(transform.GetParameters(), summary["angles_rad_translation_mm"])
    assert summary["region"] == "mask"
    assert summary["seed"] == 3
    reference, moved = (sitk.ReadImage(str(p)) for p in (files / "reference.nii.gz", out["m"]))
    assert moved.GetSize() == reference.GetSize()
    assert moved.GetPixelID() == sitk.sitkInt16
    assert matplotlib.image.imread(out["f"]).shape[1] == 1500
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in out.values())


def test_where_nothing_overlaps_the_summary_is_strict_json_and_says_so(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moving = sitk.ReadImage(str(files / "moving.nii.gz"))
    moving.SetSpacing([size / 1000 for size in moving.GetSpacing()])  # as of metres: between two samples
    sitk.WriteImage(moving, str(tmp_path / "tiny.mha"))
    arguments = [str(files / "reference.nii.gz"), str(tmp_path / "tiny.mha"), "--region", "body"]
    arguments += ["--accept", "spacing"]
    out = tmp_path / "out.json"
    assert main([*arguments, "--transform", str(tmp_path / "t.tfm"), "--json", str(out)]) == 0

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    summary = json.loads(out.read_text(), parse_constant=refuse)
    assert summary["verdict"] == "failed"
    assert summary["evidence"]["disagreement_mm"] is None
    said = capsys.readouterr().out
    assert "  nothing of the body lies in the moving volume\n" in said
    assert "inf" not in said


def test_the_folder_of_a_dicom_series_is_read_as_setup_reads_it(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (series := tmp_path / "series").mkdir()
    moving = sitk.ReadImage(str(files / "moving.nii.gz"))
    moving.SetMetaData("remarks", "a slice was told twice")
    asked = []
    monkeypatch.setattr(
        "nnunet_multiphase.volumes.volume_file.read_volume", lambda path: asked.append(path) or moving
    )
    arguments = [str(files / "reference.nii.gz"), str(series), "--transform", str(tmp_path / "t.tfm")]
    assert command(["register", *arguments]) == 0
    assert asked == [series]
    assert "  a slice was told twice\n" in capsys.readouterr().out
    by_file = [str(files / "reference.nii.gz"), str(files / "moving.nii.gz"), "--transform"]
    assert main([*by_file, str(tmp_path / "same.tfm")]) == 0
    assert (tmp_path / "t.tfm").read_text() == (tmp_path / "same.tfm").read_text()


@pytest.mark.parametrize("which", ["reference", "moving"])
def test_padding_is_told_and_becomes_air(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    moved = []
    for name, hu in (("padded", -2000), ("air", -1024)):
        image = sitk.ReadImage(str(files / f"{which}.nii.gz"))
        image[:3, :, :] = hu
        given = {"reference": files / "reference.nii.gz", "moving": files / "moving.nii.gz"}
        given[which] = tmp_path / f"{name}.nii.gz"
        sitk.WriteImage(image, str(given[which]))
        out = tmp_path / f"{name}_moved.nii.gz"
        transform = tmp_path / f"{name}.tfm"
        arguments = [str(given["reference"]), str(given["moving"]), "--transform", str(transform)]
        assert main([*arguments, "--moved", str(out)]) == 0
        told = "padded.nii.gz holds -2000 and the like in 5 % of its voxels" in capsys.readouterr().out
        assert told == (name == "padded")
        moved.append((sitk.GetArrayFromImage(sitk.ReadImage(str(out))), transform.read_text()))
    assert moved[0][1] == moved[1][1]
    assert np.array_equal(moved[0][0], moved[1][0])


@pytest.mark.parametrize(
    ("reference_file", "moving_file", "options", "sentence"),
    [
        ("nowhere.nii.gz", "moving.nii.gz", [], "There is no file"),
        (".", "moving.nii.gz", [], ". is a folder: expected a file; `nnunet-multiphase register` takes"),
        (
            "reference.nii.gz",
            "moving.nii.gz",
            ["--reference-mask", "."],
            ". is a folder: expected a file that holds the mask",
        ),
        ("reference.nii.gz", "damaged.nii.gz", [], "is not readable as NIfTI"),
        ("reference.nii.gz", "cut_short.nii.gz", [], "not readable to its end"),
        ("reference.nii.gz", "flat.nii.gz", [], "must be one 3D volume"),
        (
            "reference.nii.gz",
            "moving.nii.gz",
            ["--reference-mask", "moving.nii.gz"],
            "on the reference's grid",
        ),
        ("reference.nii.gz", "moving.nii.gz", ["--moved", "moved.jpg"], "--moved must end with"),
        *(
            (
                "reference.nii.gz",
                "damaged.nii.gz",  # refused before anything is read
                ["--transform", f"out{ending}", "--model", model],
                f"cannot hold a deformation, which --model {model} may give",
            )
            for ending in (".mat", ".xfm")
            for model in ("deformable", "auto")
        ),
        ("reference.nii.gz", "moving.nii.gz", ["--moved", "moved.mhd"], "--moved must end with"),
        ("reference.nii.gz", "moving.nii.gz", ["--json", "nowhere/out.json"], "there is no folder"),
        ("reference.nii.gz", "moving.nii.gz", ["--seed", "-1"], "not negative"),
        ("reference.nii.gz", "moving.nii.gz", ["--lesion-mask", "mask.nii.gz"], "add --model deformable"),
        (
            "reference.nii.gz",
            "moving.nii.gz",
            ["--reference-mask", "mask.nii.gz", "--region", "body"],
            "exclude each other",
        ),
        ("reference.nii.gz", "moving.nii.gz", ["--reference-mask", "empty.nii.gz"], "mask is empty"),
        (
            "reference.nii.gz",
            "moving.nii.gz",
            ["--reference-mask", "organs.nii.gz"],
            "several values beside 0 (1, 5)",
        ),
        ("reference.nii.gz", "moving.nii.gz", ["--reference-mask", "probabilities.nii.gz"], "several values"),
        ("reference.nii.gz", "moving.nii.gz", ["--moved", "moving.nii.gz"], "is one of the inputs"),
        (
            "reference.nii.gz",
            "moving.nii.gz",
            ["--moved", "../volumes0/reference.nii.gz"],
            "is one of the inputs",
        ),
    ],
)
def test_bad_input_is_one_sentence_exit_2_and_no_file(
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reference_file: str,
    moving_file: str,
    options: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(files)
    before = {path: path.stat().st_mtime_ns for path in files.iterdir()}
    assert main([reference_file, moving_file, "--transform", str(tmp_path / "out.tfm"), *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in files.iterdir()} == before


def test_the_process_ends_with_its_status_and_all_it_said(files: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "registration", "reference.nii.gz"]
    transform = tmp_path / "out.tfm"
    good, bad = (
        subprocess.run(
            [*line, moving, "--transform", str(transform)],
            cwd=files,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        for moving in ("moving.nii.gz", "damaged.nii.gz")
    )
    assert (good.returncode, bad.returncode) == (0, 2)
    assert good.stdout.count(str(transform)) == 1
    assert transform.stat().st_size > 0
    assert "is not readable as NIfTI" in bad.stderr


def test_alone_a_registration_leaves_scipys_linear_algebra_out(files: Path, tmp_path: Path) -> None:
    look = "import sys, scipy.ndimage; print('scipy.linalg' in sys.modules)"
    itself = subprocess.run([sys.executable, "-c", look], capture_output=True, encoding="utf-8", check=True)
    if itself.stdout.strip() == "True":
        pytest.skip("from 1.18 on, scipy.ndimage loads it by itself")
    run = f"""
import sys
import nnunet_multiphase as mp
from nnunet_multiphase.cli.main import main as command
from registration.__main__ import main
files = ["reference.nii.gz", "moving.nii.gz", "--transform", {str(tmp_path / "out.tfm")!r}]
main(files, alone=sys.argv[1] == "alone")
print("scipy.linalg" in sys.modules)
import scipy.linalg
"""
    loaded = [
        subprocess.run(
            [sys.executable, "-c", run, how],
            cwd=files,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=True,
        ).stdout.split()[-1]
        for how in ("alone", "in company")
    ]
    assert loaded == ["False", "True"]


def test_importing_the_package_loads_neither_numba_nor_torch() -> None:
    assert loaded_after("import registration") & {"numba", "torch", "nnunetv2", "SimpleITK", "scipy"} == set()


def test_registering_loads_neither_torch_nor_nnunet() -> None:
    run = """
import numpy as np, SimpleITK as sitk
from registration import register, RegistrationSettings
from registration import figure, resample, __main__
quick = RegistrationSettings(swarm_particles=4, swarm_iterations=1, top_samples=100, bottom_samples=100)
a = sitk.GetImageFromArray(np.random.default_rng(0).normal(0, 100, (8, 8, 8)).astype(np.float32))
register(a, a, reference_mask=a > 0, settings=quick)
"""
    modules = loaded_after(run)
    assert {"numba", "SimpleITK"} <= modules
    assert modules & {"torch", "nnunetv2", "nnunet_multiphase"} == set()


def loaded_after(code: str) -> set[str]:
    """Give the top-level modules that a fresh interpreter has loaded after running some code."""
    # -S and the source folder alone: a start-up file of another package must not be counted here.
    root = Path(__file__).parents[2]
    site = [p for p in sys.path if p.endswith("site-packages")]
    script = f"import sys; sys.path[:0] = {[str(root), *site]!r}\n{code}\nprint(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    return set(done.stdout.split())


def test_the_picture_shows_less_colour_after_a_right_transform(reference: sitk.Image, tmp_path: Path) -> None:
    shift = sitk.TranslationTransform(3, (0.0, 0.0, 12.0))
    moving = sitk.Image(reference)
    x, y, z = reference.GetOrigin()
    moving.SetOrigin((x, y, z + 12.0))
    picture = matplotlib.image.imread(overlay_figure(reference, moving, shift, tmp_path / "o.png"))[..., :3]
    fusion = picture[picture.shape[0] // 2 :]
    colour = np.abs(fusion[..., 0] - fusion[..., 1])
    half = colour.shape[1] // 2
    assert colour[:, :half].mean() > 0.01
    assert colour[:, half:].mean() < 1e-3  # the same values in every channel: no colour at all


def test_drawing_leaves_pyplot_alone() -> None:
    modules = loaded_after("import registration.figure")
    assert "matplotlib" in modules
    root = Path(__file__).parents[2] / "registration"
    assert all("pyplot" not in path.read_text() for path in root.glob("*.py"))


def test_a_gzip_file_of_several_parts_is_read_whole(files: Path, tmp_path: Path) -> None:
    # As parallel compressors write it: the last part's length says nothing about the whole.
    raw = gzip.decompress((files / "moving.nii.gz").read_bytes())
    parts = tmp_path / "parts.nii.gz"
    parts.write_bytes(gzip.compress(raw[:5000]) + gzip.compress(raw[5000:]) + gzip.compress(b""))
    whole = sitk.ReadImage(str(files / "moving.nii.gz"))
    assert sitk.Hash(read_volume(parts)) == sitk.Hash(whole)
