"""An exported model answers as torch does, and says what is wrong with it where it cannot."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from nnunetv2.inference import predict_from_raw_data
from tiny_model import (
    PATCH,
    SPACING_MM,
    Exported,
    copied,
    model_of,
    patient,
    plans,
    record,
    single_precision,
)

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models import export
from nnunet_multiphase.models.equality import check_equality
from nnunet_multiphase.models.exported_model import ExportedModel, load_exported_model
from nnunet_multiphase.models.identity import identity_of
from nnunet_multiphase.models.load import load_for_runtime
from nnunet_multiphase.models.session import installed_runtimes
from nnunet_multiphase.phases import PHASES

pytestmark = pytest.mark.slow

OTHER_SPACING_MM = (5.2, 1.2, 1.6)
"""Anisotropic: the slices' direction is resampled by itself."""
LESION = [2]


def assert_same(exported: ExportedModel, model, image: np.ndarray, spacing=OTHER_SPACING_MM) -> None:
    """Compare labels and probabilities; a label counts where torch's two best classes are no tie."""
    with single_precision():
        labels, probabilities = model.predictor.predict_single_npy_array(
            image, {"spacing": list(spacing)}, save_or_return_probabilities=True
        )
        expected = model.segment(image, spacing, LESION)
    found = exported.segment(image, spacing, LESION)
    if model.predictor.label_manager.has_regions:
        clear = (np.abs(probabilities - 0.5) > 1e-3).all(0)
    else:
        best = np.sort(probabilities, 0)
        clear = best[-1] - best[-2] > 1e-3
    assert clear.mean() > 0.95
    np.testing.assert_array_equal(found.labels[clear], labels[clear])
    np.testing.assert_allclose(found.lesion_probability, expected.lesion_probability, rtol=0, atol=5e-4)
    assert (
        min(np.bincount(labels.ravel(), minlength=3)) > labels.size / 50
    )  # all of them, else nothing is shown
    assert found.labels.dtype == np.uint8


@pytest.fixture(scope="module")
def model(exported: Exported) -> ExportedModel:
    return load_exported_model(exported.folder, mirroring=False)


@pytest.fixture
def unmirrored(exported: Exported):
    predictor = exported.model.predictor
    predictor.use_mirroring = False
    yield exported.model
    predictor.use_mirroring = True


def test_labels_are_torchs(model: ExportedModel, unmirrored) -> None:
    assert_same(model, unmirrored, patient())


def test_labels_are_torchs_with_mirroring(exported: Exported) -> None:
    assert_same(load_exported_model(exported.folder), exported.model, patient((7, 14, 17)))


def test_labels_are_torchs_where_a_phase_is_absent(model: ExportedModel, unmirrored) -> None:
    assert_same(model, unmirrored, patient(absent="dl"))


def test_labels_are_torchs_on_the_networks_own_spacing(model: ExportedModel, unmirrored) -> None:
    assert_same(model, unmirrored, patient(), SPACING_MM)


@pytest.mark.skipif("openvino" not in installed_runtimes(), reason="openvino is not installed")
def test_labels_are_torchs_with_openvino(exported: Exported, unmirrored) -> None:
    assert_same(
        load_exported_model(exported.folder, runtime="openvino", mirroring=False), unmirrored, patient()
    )


def test_regions_are_set_as_torch_sets_them(exported: Exported, model: ExportedModel) -> None:
    told = record(
        {"background": 0, "whole": [1, 2, 3], "liver": [1, 2], "lesion": 2}, regions_class_order=[3, 1, 2]
    )
    other = model_of(exported.network, plans(), told, mirror=None)
    regions = replace(export.describe(other, {}), networks=model.description.networks)
    assert regions.region_values == (3, 1, 2)
    image = patient()
    with single_precision():
        expected = other.segment(image, OTHER_SPACING_MM, LESION)
    found = ExportedModel(regions, model.networks, mirroring=False).segment(image, OTHER_SPACING_MM, LESION)
    np.testing.assert_allclose(found.lesion_probability, expected.lesion_probability, rtol=0, atol=5e-4)
    assert (found.labels != expected.labels).mean() < 0.002  # ties alone
    assert min(np.bincount(expected.labels.ravel(), minlength=4)) > expected.labels.size / 50


def test_the_exported_network_ignores_an_absent_phase_whatever_it_is_filled_with(
    model: ExportedModel,
) -> None:
    window = np.random.default_rng(0).normal(size=(1, 4, *model.description.patch_size)).astype(np.float32)
    answers = []
    for fill in (-2.0, -3.7, 0.0):
        window[:, 1] = fill
        answers.append(model.networks[0](window))
    np.testing.assert_allclose(answers[0], answers[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(answers[0], answers[2], rtol=0, atol=1e-6)
    window[:, 1] = window[:, 0]
    assert np.abs(model.networks[0](window) - answers[0]).max() > 0.1


def test_its_patch_has_the_extent_of_torchs(exported: Exported, model: ExportedModel) -> None:
    assert model.patch_mm == (8 * 4.0, 16 * 1.5, 16 * 1.5)
    assert model.patch_mm == exported.model.patch_mm


def test_the_export_tells_how_near_it_came(exported: Exported) -> None:
    told = json.loads((exported.folder / "model.json").read_text())["equality"]
    assert told["patients"] == 2  # with all phases, and without the last
    assert told["windows"] >= 4
    assert 0 < told["logit_difference"]["onnx"] < 1e-3
    assert exported.equality.beyond_ties["onnx"] == 0


def test_nothing_of_this_machine_is_in_the_exported_files(exported: Exported) -> None:
    for path in exported.folder.iterdir():
        content = path.read_bytes()
        assert b".py" not in content
        assert str(Path(__file__).parents[2]).encode() not in content


def test_a_network_that_answers_otherwise_is_refused_and_nothing_is_left(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (exported.folder / "fold_0.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_of", lambda *_: content)
    parameters = copied(exported.network)
    parameters["decoder.seg_layers.3.bias"][1] += 0.05
    other = model_of(exported.network, plans(), record())
    monkeypatch.setattr(other.predictor, "list_of_parameters", [parameters])
    with pytest.raises(InputError, match="answers otherwise than torch"):
        export.export_model(other, ["0"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_differs_from_nnunets_is_refused(exported: Exported) -> None:
    description = load_exported_model(exported.folder).description
    other = [replace(each, mean_hu=each.mean_hu + 5) for each in description.normalisation]
    with pytest.raises(InputError, match="answers otherwise than nnU-Net"):
        check_equality(exported.model, replace(description, normalisation=tuple(other)), exported.folder)


def test_an_existing_folder_is_not_written_over(exported: Exported) -> None:
    with pytest.raises(InputError, match="exists already"):
        export.export_model(exported.model, ["0"], exported.folder)


@pytest.fixture
def copy(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.folder, tmp_path / "copy"))


def edit(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "model.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def flip_a_bit(folder: Path) -> None:
    path = folder / "fold_0.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def edit_record(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        edit(record={**json.loads((folder / "model.json").read_text())["record"], **changes})(folder)

    return change


def instead(make: Callable[[Path], None], name: str) -> Callable[[Path], None]:
    """Put something in a file's place that would be waited for, or never ends."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def with_network(folder: Path, network: onnx.ModelProto) -> None:
    content = network.SerializeToString()
    (folder / "fold_0.onnx").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    edit(networks=[{"fold": "0", "file": "fold_0.onnx", "sha256": sha256}])(folder)


OUTSIDE = [{"fold": "0", "file": "../fold_0.onnx", "sha256": ""}]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip_a_bit, "SHA-256 differs"),
        (lambda folder: (folder / "fold_0.onnx").unlink(), "cannot be read"),
        (lambda folder: (folder / "model.json").unlink(), "is no exported model"),
        (lambda folder: (folder / "model.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "model.json").write_text("[]"), "is not of an exported model"),
        (edit(format="another"), "is not of an exported model"),
        (edit(version=2), "is of version 2, and this program reads 1"),
        (edit(patch_size=[8, 32]), "is damaged"),
        (edit(networks=OUTSIDE), "is not a file's name"),
        (edit(heads=None), "is damaged"),
        (edit(heads=2), r"its labels are \[0, 1, 2\], and its heads set \[0, 1\]"),
        (edit(heads=10**9), "heads is 1000000000: 1 to 256 are expected"),
        (edit(spacing_mm=[1e-30, 1, 1]), "spacing_mm is no scan's"),
        (edit(patch_size=[10**6] * 3), "patch_size is no network's"),
        (edit(patch_size=[8.5, 16, 16]), "whole numbers are expected"),
        (edit(mirror_axes=[0] * 30), "or there twice"),
        (edit(image_resampling={"order": 9, "order_z": 0, "force_separate_z": None}), "a resampling is none"),
        (edit_record(labels=None), "does not say which labels there are"),
        (edit_record(phases=["pv", "pv", "art", "dl"]), "expected some of nc, art, pv, dl, each once"),
        (edit_record(registration="rigid"), "tells of the registration in another form"),
        (edit_record(reference_phase={"0": "x"}), "names references that are none of nc"),
        (instead(lambda path: os.mkfifo(path), "fold_0.onnx"), "is no file"),
        (instead(lambda path: path.symlink_to("/dev/zero"), "model.json"), "cannot be read"),
    ],
)
def test_a_damaged_or_foreign_folder_is_refused_in_one_sentence(
    copy: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(copy)
    with pytest.raises(InputError, match=said) as raised:
        load_for_runtime(copy, wanted="")
    assert "\n" not in str(raised.value)


def test_a_network_that_reads_other_files_is_refused(copy: Path) -> None:
    """A weight's file could be any of this machine, and the runtimes' own guards are not all of one age."""
    network = onnx.load(copy / "fold_0.onnx")
    weights = network.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "../../etc/hostname"
    with_network(copy, network)
    with pytest.raises(InputError, match="names other files for its weights"):
        load_exported_model(copy)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [(1, "answers 1 x 1 x 8 x 16 x 16 values"), (3, "no network that onnxruntime can run")],
)
def test_a_network_that_does_not_fit_its_description_is_refused(copy: Path, outputs: int, said: str) -> None:
    """A single answer would otherwise be taken for each of three labels."""
    channels = len(PHASES) if outputs == 1 else 1
    shapes = {"x": [1, channels, *PATCH], "y": [1, outputs, *PATCH]}
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shapes[name]) for name in shapes)
    weights = onnx.numpy_helper.from_array(np.ones((outputs, channels, 1, 1, 1), np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w"], ["y"])], "g", [x], [y], [weights]
    )
    with_network(
        copy, onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    )
    model = load_exported_model(copy, runtime="onnx")
    with pytest.raises(InputError, match=said):
        model.segment(patient(), OTHER_SPACING_MM, (2,))


def test_what_is_no_network_is_refused(copy: Path) -> None:
    (copy / "fold_0.onnx").write_bytes(b"no network")
    sha256 = hashlib.sha256(b"no network").hexdigest()
    edit(networks=[{"fold": "0", "file": "fold_0.onnx", "sha256": sha256}])(copy)
    with pytest.raises(InputError, match="is no network that onnxruntime can run"):
        load_exported_model(copy, runtime="onnx")


def test_a_fold_that_was_not_exported_is_refused(exported: Exported) -> None:
    with pytest.raises(InputError, match="has no fold 1: it was exported with 0"):
        load_exported_model(exported.folder, ["1"])


@pytest.mark.parametrize("folds", [0, "0", ["0"], None])
def test_a_fold_may_be_named_alone(exported: Exported, folds: object) -> None:
    assert len(load_exported_model(exported.folder, folds).networks) == 1


@pytest.mark.parametrize(
    ("folds", "said"),
    [([0, 0], "fold 0 is given twice"), ([], "no fold is given"), ("00", "fold '00': expected")],
)
def test_what_names_no_folds_is_refused(exported: Exported, folds: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_exported_model(exported.folder, folds)


def test_an_exported_model_says_which_it_is(exported: Exported) -> None:
    model = load_for_runtime(exported.folder / ".", "onnx", wanted="", mirroring=False)
    assert identity_of(model).told() == (
        "model (MultiPhaseSCAMTrainer, tiny), fold 0, without mirroring, steps of 0.5 patches, by onnx"
    )


def test_what_a_stranger_wrote_of_a_model_is_no_name(copy: Path) -> None:
    edit(origin={"trainer": ["x"], "plans": "p" * 999, "checkpoint": None})(copy)
    found = identity_of(load_exported_model(copy, runtime="onnx"))
    assert (found.trainer, found.plans, found.checkpoint) == (None, "p" * 200, None)


def test_a_trained_model_says_which_it_is(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = exported.model.predictor
    monkeypatch.setattr(type(predictor), "initialize_from_trained_model_folder", lambda *_: None)
    monkeypatch.setattr(predict_from_raw_data, "nnUNetPredictor", lambda **_: predictor)
    monkeypatch.setattr(predictor, "list_of_parameters", predictor.list_of_parameters[:1] * 2)
    for name in ("fold_0", "fold_1"):
        (tmp_path / "private" / "M" / name).mkdir(parents=True)
        (tmp_path / "private" / "M" / name / "checkpoint_final.pth").touch()
    for name in ("dataset.json", "plans.json"):
        (tmp_path / "private" / "M" / name).write_text("{}")
    told = identity_of(load_for_runtime(tmp_path / "private" / "M", wanted="", trusted=True)).told()
    assert told == (
        "M (Dataset900_Tiny, MultiPhaseSCAMTrainer, tiny), folds 0, 1, checkpoint_final.pth, with mirroring, "
        "steps of 0.5 patches, by torch"
    )


def test_torch_does_not_run_an_exported_model(exported: Exported) -> None:
    with pytest.raises(InputError, match="which torch cannot run"):
        load_for_runtime(exported.folder, "torch", wanted="")


def test_an_exported_model_wants_no_gpu(exported: Exported) -> None:
    with pytest.raises(InputError, match="runs on the CPU"):
        load_for_runtime(exported.folder, device="cuda", wanted="")


def test_onnx_does_not_run_what_nnunet_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no exported model"):
        load_for_runtime(tmp_path, "onnx", wanted="")


def test_a_runtime_that_is_not_installed_is_named(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnunet_multiphase.models import session

    monkeypatch.setattr(session, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="openvino or onnxruntime, which is not installed"):
        load_exported_model(exported.folder)
