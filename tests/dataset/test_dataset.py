"""The dataset: nnU-Net takes it, every step can be redone from its files, nothing is left half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from built_dataset import PATIENTS, PHASES, Built, build, write_cohort

from nnunet_multiphase.errors import InputError
from registration.resample import resample_image

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"))


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
