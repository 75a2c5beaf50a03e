"""The planner's plans: stages, resampling, intensities, memory, and peace with vanilla's plans."""

import json
from pathlib import Path

import nnunetv2.experiment_planning
import numpy as np
import pytest
import SimpleITK as sitk
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tiny_dataset import MISSING, write_raw

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.planning.multiphase_scam_planner import PLANS_NAME, MultiPhaseSCAMPlanner
from nnunet_multiphase.planning.variants import UNDILATED_PLANS_NAME

pytestmark = pytest.mark.slow

DATASET = "Dataset901_Tiny"


def fingerprint_of(planner: ExperimentPlanner, spacing: tuple[float, ...], shape: tuple[int, ...]) -> None:
    """Let a planner believe that all images have this spacing and shape (z, y, x)."""
    cases = len(planner.dataset_fingerprint["spacings"])
    planner.dataset_fingerprint["spacings"] = [list(spacing)] * cases
    planner.dataset_fingerprint["shapes_after_crop"] = [list(shape)] * cases


def numbers_in(nested: list) -> list[int]:
    """Flatten lists of lists."""
    return [n for item in nested for n in (numbers_in(item) if isinstance(item, list) else [item])]


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_plans_are_saved_under_their_own_name(plans: dict):
    assert PLANS_NAME == "nnUNetMultiPhaseSCAMPlans"
    assert plans["plans_name"] == PLANS_NAME
    assert plans["configurations"].keys() == {"2d", "3d_fullres"}
    assert plans["experiment_planner_used"] == "MultiPhaseSCAMPlanner"


def test_masks_are_resampled_nearest_and_images_cubic_along_every_axis(plans: dict):
    for configuration in ("2d", "3d_fullres"):
        plan = plans["configurations"][configuration]
        mask, image = plan["resampling_fn_seg_kwargs"], plan["resampling_fn_data_kwargs"]
        assert (mask["is_seg"], mask["order"], mask["order_z"]) == (True, 0, 0)
        assert (image["is_seg"], image["order"], image["force_separate_z"]) == (False, 3, False)


def test_planned_resampling_is_cubic_in_z_and_stays_in_range(plans: dict, nnunet_folders: Path):
    config = PlansManager(plans).get_configuration("3d_fullres")
    # Thick slices, refined 4 times in z; a cubic spline passes through a parabola but at the borders.
    z = np.arange(24.0)
    parabola = np.broadcast_to(((z - 12) ** 2)[None, :, None, None], (1, 24, 4, 4)).copy()
    found = config.resampling_fn_data(parabola, (96, 4, 4), (8.0, 1.0, 1.0), (2.0, 1.0, 1.0))
    fine = (np.arange(96) + 0.5) / 4 - 0.5
    inner = slice(24, 72)
    # Away from the borders the spline's error decays by 0.27 a slice: 0.27^6 of a border error below 50.
    np.testing.assert_allclose(found[0, inner, 1, 1], ((fine - 12) ** 2)[inner], atol=0.05)
    edge = np.zeros((1, 24, 4, 4))
    edge[:, 12:] = 1
    resampled = config.resampling_fn_data(edge, (96, 4, 4), (8.0, 1.0, 1.0), (2.0, 1.0, 1.0))
    assert resampled.min() >= 0
    assert resampled.max() <= 1


def test_planned_mask_resampling_keeps_the_set_of_labels(plans: dict, nnunet_folders: Path):
    config = PlansManager(plans).get_configuration("3d_fullres")
    mask = np.random.default_rng(0).choice([0.0, 1.0, 3.0], (1, 6, 8, 8))
    found = config.resampling_fn_seg(mask, (16, 16, 16), (4.0, 1.0, 1.0), (1.5, 0.5, 0.5))
    assert set(np.unique(found)) == {0.0, 1.0, 3.0}
    # Voxel i of 16 lies at (i + 1/2) * n / 16 - 1/2 of n; no such place is halfway between two voxels.
    along_z, across = (((np.arange(16) + 0.5) * n / 16 - 0.5).round().astype(int) for n in (6, 8))
    np.testing.assert_array_equal(found[0], mask[0][np.ix_(along_z, across, across)])


def test_percentiles_are_those_of_the_lesions_without_fill(plans: dict, nnunet_folders: Path):
    raw = nnunet_folders / "nnUNet_raw" / DATASET
    for channel, phase in enumerate(("nc", "art", "pv", "dl")):
        values = []
        for label in sorted((raw / "labelsTr").iterdir()):
            name = label.name.removesuffix(".nii.gz")
            if (name, phase) == MISSING:
                continue
            image = read(raw / f"imagesTr/{name}_{channel:04d}.nii.gz")
            inside = image[read(label) == 1]
            values.extend(inside[inside > -1024].tolist())
        values.sort()
        found = plans["foreground_intensity_properties_per_channel"][str(channel)]
        for key, percent in (("percentile_00_5", 0.05), ("median", 50.0), ("percentile_99_5", 99.5)):
            place = percent / 100 * (len(values) - 1)
            below = int(place)
            above = min(below + 1, len(values) - 1)
            expected = values[below] + (place - below) * (values[above] - values[below])
            assert found[key] == pytest.approx(expected)
        assert found["mean"] == pytest.approx(sum(values) / len(values))
        assert found["std"] == pytest.approx(np.std(values))


def test_preprocessing_clips_at_the_percentiles_and_takes_z_scores(plans: dict, nnunet_folders: Path):
    raw = nnunet_folders / "nnUNet_raw" / DATASET
    files = [str(raw / f"imagesTr/case_000_{channel:04d}.nii.gz") for channel in range(4)]
    manager = PlansManager(plans)
    config = manager.get_configuration("3d_fullres")
    description = json.loads((raw / "dataset.json").read_text())
    data, _, properties = config.preprocessor_class(verbose=False).run_case(
        files, str(raw / "labelsTr/case_000.nii.gz"), manager, config, description
    )
    assert properties["shape_before_cropping"] == data.shape[1:]  # neither cropped nor resampled
    for channel, file in enumerate(files):
        hu = read(Path(file)).astype(np.float64)
        measured = plans["foreground_intensity_properties_per_channel"][str(channel)]
        low, high = measured["percentile_00_5"], measured["percentile_99_5"]
        assert hu.min() < low < high < hu.max()
        expected = (np.clip(hu, low, high) - measured["mean"]) / measured["std"]
        np.testing.assert_allclose(data[channel], expected, atol=1e-4)  # float32 HU up to some hundred


def test_fingerprint_file_stays_untouched(nnunet_folders: Path):
    path = nnunet_folders / "nnUNet_preprocessed" / DATASET / "dataset_fingerprint.json"
    before = path.read_bytes()
    MultiPhaseSCAMPlanner(901).plan_experiment()
    assert path.read_bytes() == before


def test_vanilla_plans_of_the_same_dataset_share_no_folder(plans: dict, nnunet_folders: Path):
    vanilla = ExperimentPlanner(901).plan_experiment()
    ours = {plan["data_identifier"] for plan in plans["configurations"].values()}
    theirs = {plan["data_identifier"] for plan in vanilla["configurations"].values()}
    assert not ours & theirs


def test_other_plans_name_gives_other_folders(nnunet_folders: Path):
    plans = MultiPhaseSCAMPlanner(901, plans_name="Mine").plan_experiment()
    assert plans["configurations"]["3d_fullres"]["data_identifier"] == "Mine_3d_fullres"


def test_undilated_plans_differ_in_their_dilations_alone(plans: dict, nnunet_folders: Path):
    planner = recursive_find_python_class(
        nnunetv2.experiment_planning.__path__[0],
        "MultiPhaseSCAMPlannerUndilated",
        "nnunetv2.experiment_planning",
    )
    planner(901).plan_experiment()
    saved = nnunet_folders / "nnUNet_preprocessed" / DATASET / f"{UNDILATED_PLANS_NAME}.json"
    undilated = json.loads(saved.read_text())
    for name, configuration in undilated["configurations"].items():
        kwargs = configuration["architecture"]["arch_kwargs"]
        assert set(numbers_in(kwargs["dilations"])) == {1}
        kwargs["dilations"] = plans["configurations"][name]["architecture"]["arch_kwargs"]["dilations"]
    renamed = json.loads(json.dumps(undilated).replace(UNDILATED_PLANS_NAME, PLANS_NAME))
    assert renamed == {**plans, "experiment_planner_used": "MultiPhaseSCAMPlannerUndilated"}


def test_target_spacing_can_be_overwritten(nnunet_folders: Path):
    planner = MultiPhaseSCAMPlanner(901, plans_name="Spacing", overwrite_target_spacing=[3.0, 2.0, 2.0])
    assert list(planner.plan_experiment()["configurations"]["3d_fullres"]["spacing"]) == [3.0, 2.0, 2.0]


def test_no_augmentation_processes_are_no_obstacle(nnunet_folders: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    assert MultiPhaseSCAMPlanner(901).plan_experiment()["configurations"]


def test_large_volumes_get_five_stages_low_resolution_and_cascade(nnunet_folders: Path):
    planner = MultiPhaseSCAMPlanner(901, plans_name="Large")
    fingerprint_of(planner, (1.0, 0.7, 0.7), (600, 640, 640))
    configurations = planner.plan_experiment()["configurations"]
    assert configurations.keys() == {"2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres"}
    for name in ("2d", "3d_fullres", "3d_lowres"):
        architecture = configurations[name]["architecture"]["arch_kwargs"]
        assert architecture["n_stages"] == 5
        assert np.prod(architecture["strides"], axis=0).tolist() == [16] * (2 if name == "2d" else 3)
    assert configurations["3d_cascade_fullres"] == {
        "inherits_from": "3d_fullres",
        "previous_stage": "3d_lowres",
    }


def test_patch_and_batch_follow_the_memory_target(nnunet_folders: Path):
    voxels = []
    for gigabytes in (4, 8, 16):
        planner = MultiPhaseSCAMPlanner(901, gpu_memory_target_in_gb=gigabytes, plans_name="Memory")
        shape = np.array((512, 512, 512))
        plan = planner.get_plans_for_configuration(np.ones(3), shape, "Memory_3d_fullres", 1e12, {})
        voxels.append(plan["batch_size"] * np.prod(plan["patch_size"]))
    # Twice the memory, twice the voxels, but for patch edges in steps of 16 (some 10 % of an edge).
    assert voxels[1] / voxels[0] == pytest.approx(2, rel=0.2)
    assert voxels[2] / voxels[1] == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize("configuration", ["2d", "3d_fullres"])
def test_planned_network_builds_from_the_saved_plans(plans: dict, nnunet_folders: Path, configuration: str):
    folder = nnunet_folders / "nnUNet_preprocessed" / DATASET
    config = PlansManager(str(folder / f"{PLANS_NAME}.json")).get_configuration(configuration)
    network = get_network_from_plans(
        config.network_arch_class_name,
        config.network_arch_init_kwargs,
        config.network_arch_init_kwargs_req_import,
        4,
        2,
    )
    assert type(network).__name__ == "DilatedSCAMUNet"


def test_images_too_small_to_downsample_are_refused(nnunet_folders: Path):
    planner = MultiPhaseSCAMPlanner(901, plans_name="Small")
    fingerprint_of(planner, (1.0, 1.0, 1.0), (7, 7, 7))
    with pytest.raises(InputError, match=r"Dataset901_Tiny: .* expected 8 along one axis"):
        planner.plan_experiment()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"channel_names": dict(zip("0123", ("nc", "art", "pv", "dl"), strict=True))},
            r"channel 0 \(nc\), 1 \(art\)",
        ),
        ({"channel_names": {"0": "CT", "1": "CT"}}, "has 2 channels .* and 4 phases"),
    ],
)
def test_channels_renamed_or_removed_by_hand_are_refused(nnunet_folders: Path, changes: dict, said: str):
    planner = MultiPhaseSCAMPlanner(901, plans_name="Renamed")
    planner.dataset_json = planner.dataset_json | changes
    with pytest.raises(InputError, match=said):
        planner.plan_experiment()


def test_ignored_voxels_are_no_foreground(
    nnunet_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dataset = "Dataset902_Ignore"
    write_raw(tmp_path, dataset, {"background": 0, "lesion": 1, "core": 2, "ignore": 3}, cases=2)
    folder = tmp_path / "nnUNet_preprocessed" / dataset
    folder.mkdir(parents=True)
    source = nnunet_folders / "nnUNet_preprocessed" / DATASET / "dataset_fingerprint.json"
    (folder / source.name).write_text(source.read_text())
    for variable in ("nnUNet_raw", "nnUNet_preprocessed"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    plans = MultiPhaseSCAMPlanner(902).plan_experiment()
    values = []
    for name in ("case_000", "case_001"):
        image = read(tmp_path / f"nnUNet_raw/{dataset}/imagesTr/{name}_0001.nii.gz")
        mask = read(tmp_path / f"nnUNet_raw/{dataset}/labelsTr/{name}.nii.gz")
        values.append(image[(mask == 1) | (mask == 2)])
    expected = float(np.concatenate(values).mean())
    assert plans["foreground_intensity_properties_per_channel"]["1"]["mean"] == pytest.approx(expected)


def test_planning_again_keeps_the_settings_that_were_set_by_hand(
    plans: dict, nnunet_folders: Path, capsys: pytest.CaptureFixture[str]
):
    saved = nnunet_folders / "nnUNet_preprocessed" / DATASET / "ByHand.json"
    MultiPhaseSCAMPlanner(901, plans_name="ByHand").plan_experiment()
    assert "kept" not in capsys.readouterr().out
    by_hand = {"multiphase_loss": {"alpha": 0.6}, "multiphase_training": {"learning_rate": 5e-4}}
    saved.write_text(json.dumps(json.loads(saved.read_text()) | by_hand))
    MultiPhaseSCAMPlanner(901, plans_name="ByHand").plan_experiment()
    assert json.loads(saved.read_text()) == plans | by_hand | {
        "plans_name": "ByHand",
        "configurations": json.loads(json.dumps(plans["configurations"]).replace(PLANS_NAME, "ByHand")),
    }
    said = capsys.readouterr().out
    assert 'multiphase_loss {"alpha": 0.6}, multiphase_training {"learning_rate": 0.0005}' in said


def test_plans_that_cannot_be_read_are_named_when_planning_again(plans: dict, nnunet_folders: Path):
    saved = nnunet_folders / "nnUNet_preprocessed" / DATASET / "Spoilt.json"
    saved.write_text("{")
    with pytest.raises(InputError, match=r"Spoilt\.json cannot be read .* remove it"):
        MultiPhaseSCAMPlanner(901, plans_name="Spoilt").plan_experiment()
