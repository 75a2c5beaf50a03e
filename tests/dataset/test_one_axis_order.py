"""Same network, same patient, same voxels: over all 48 orders in which the files may be stored."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from orders import ORDERS, stored
from tiny_dataset import Dataset, nnunet_folders, write_fingerprint, write_raw
from tiny_phases import LESION, LIVER, QUICK, mask_image, phase_image

from nnunet_multiphase.alignment import align as alignment
from nnunet_multiphase.alignment import overview
from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.dataset.convert import CaseJob, convert_case
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner
from nnunet_multiphase.prediction import (
    NnUNetModel,
    PreparedCase,
    Segmented,
    predict_case,
    prepare_case,
    segment_case,
    write,
)
from registration import PreparedReference

pytestmark = pytest.mark.slow

LIGHT = replace(QUICK, swarm_particles=6, swarm_iterations=2, top_samples=400, bottom_samples=800, swarms=1)
"""Where it ends does not matter here, only that it ends there every time."""

REFERENCE = {"spacing_mm": (9.0, 8.0, 10.0), "tilt_degrees": 12.0}
MOVING = {"spacing_mm": (10.0, 10.0, 9.0), "tilt_degrees": -8.0}
CHANNELS = ("nc", "art", "pv")
WORDS = ("arterial_hyperenhancement", "washout", "side", "outside_liver", "cut_off")
"""Columns of the lesion table that are no numbers."""


def write_patient(folder: Path, number: int) -> Path:
    """Write a patient in the order of this number: masks and moving phases each in another one of the 48."""
    folder.mkdir(parents=True)
    art = phase_image("art", seed=1, **REFERENCE)
    volumes = {
        "art": art,
        "lesions_art": mask_image(art, LESION),
        "liver_art": mask_image(art, LIVER),
        "nc": phase_image("nc", seed=2, shift_mm=(3.0, -2.0, 6.0), **MOVING),
        "pv": phase_image("pv", seed=3, shift_mm=(-2.0, 1.0, -4.0), **MOVING),
    }
    for further, (name, image) in enumerate(volumes.items()):
        order = ORDERS[(number * (7 * further + 1)) % 48]  # the reference's is `number`
        sitk.WriteImage(stored(image, order), str(folder / f"{name}.nii.gz"))
    return folder


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write one patient 48 times, with the reference in each order; the first is axial in all its files."""
    root = tmp_path_factory.mktemp("orders")
    return [write_patient(root / f"order_{n:02d}" / "patient", n) for n in range(48)]


def digest(*parts: object) -> str:
    """Digest images (header and voxels, to the last bit) and whatever has a repr."""
    said = blake2b()
    for part in parts:
        if isinstance(part, sitk.Image):
            said.update(repr(header(part)).encode() + sitk.GetArrayFromImage(part).tobytes())
        else:
            said.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return said.hexdigest()


def header(image: sitk.Image) -> tuple:
    return image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()


@pytest.fixture(scope="module", autouse=True)
def _registered_once() -> Iterator[None]:
    """Answer the same volumes, bit for bit, by what was found for them: 200 registrations of two pairs would take long."""
    real, known = alignment.register, {}

    def register(reference: PreparedReference, moving: sitk.Image, **options):
        key = digest(reference.image, reference.settings, moving, *options.values())
        if key not in known:
            known[key] = real(reference, moving, **options)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "register", register)
        yield
    assert len(known) <= 2  # nc and pv to art


def converted(patient: Path, out: Path) -> dict[str, str]:
    """Make the patient's files of a dataset and give the digest of each."""
    for folder in ("imagesTr", "labelsTr", "registration/overview"):
        (out / folder).mkdir(parents=True)
    case = read_case_folder(patient, require_lesions=True)
    outcome = convert_case(CaseJob(case, "train", CHANNELS, out, LIGHT))
    assert outcome.failure == ""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    digests = {str(p.relative_to(out)): blake2b(p.read_bytes()).hexdigest() for p in files}
    shutil.rmtree(out)
    return digests


def test_setup_writes_the_same_bytes_whatever_order_the_files_are_stored_in(
    patients: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axial = converted(patients[0], tmp_path / "axial")
    assert len(axial) == 3 + 1 + 2 + 1  # channels, label, transforms, picture
    assert converted(patients[29], tmp_path / "other") == axial
    monkeypatch.setattr(overview, "draw_overview", lambda *_, **__: None)  # nearly all of the time
    del axial["registration/overview/patient.png"]
    for patient in patients:
        assert converted(patient, tmp_path / "other") == axial


@pytest.fixture(scope="module")
def prepared(patients: list[Path]) -> list[PreparedCase]:
    return [prepare_case(patient, CHANNELS, settings=LIGHT) for patient in patients]


def stack_of(case: PreparedCase) -> np.ndarray:
    return np.stack([sitk.GetArrayFromImage(case.aligned.images[phase]) for phase in CHANNELS])


def test_the_network_is_shown_the_same_voxels(prepared: list[PreparedCase]) -> None:
    assert len(np.unique(stack_of(prepared[0]))) > 100
    for case in prepared[1:]:
        assert np.array_equal(stack_of(case), stack_of(prepared[0]))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NnUNetModel:
    """Give our network as planned, never trained, in nnU-Net's predictor."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    root = tmp_path_factory.mktemp("model")
    with nnunet_folders(root):
        dataset = Dataset(root, "Dataset921_Orders")
        write_raw(root, dataset.name, {"background": 0, "lesion": 1}, cases=2)
        write_fingerprint(root, dataset.name)
        MultiPhaseSCAMPlanner(921).plan_experiment()
        plans = dataset.plans
        plans["configurations"]["3d_fullres"]["spacing"] = [10.0, 8.0, 9.0]  # coarse, so that it is quick
        manager = PlansManager(plans)
    configuration = manager.get_configuration("3d_fullres")

    class Balanced(torch.nn.Module):
        """Our network, its two outputs shifted so that half of the patient in a patch gets each label."""

        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, phases: torch.Tensor) -> torch.Tensor:
            background, lesion = self.network(phases).unbind(1)
            surplus = lesion - background
            patient = phases.abs().sum(1) > 0  # the rest of the patch is padding
            return torch.stack([torch.zeros_like(surplus), surplus - surplus[patient].median()], 1)

    torch.manual_seed(5)
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        len(PHASES),
        2,
        allow_init=True,
        deep_supervision=False,
    )
    network = Balanced(network)
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    description = {**dataset_json(), "file_ending": ".nii.gz"}
    predictor.manual_initialization(
        network, manager, configuration, [network.state_dict()], description, "MultiPhaseSCAMTrainer", None
    )
    return NnUNetModel(predictor)


def dataset_json() -> dict:
    return {
        "phases": list(PHASES),
        "axes": "LPS",
        "labels": {"background": 0, "lesion": 1},
        "channel_names": {str(n): "CT" for n in range(len(PHASES))},
    }


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def labels_at(points_mm: np.ndarray, segmentation: sitk.Image) -> list[int]:
    """Read the labels at positions (n, 3) in space, by each file's own header."""
    direction = np.array(segmentation.GetDirection()).reshape(3, 3)
    index = np.rint((points_mm - segmentation.GetOrigin()) @ direction / segmentation.GetSpacing()).astype(
        int
    )
    assert index.min() >= 0  # else they would be read from the other end
    return sitk.GetArrayFromImage(segmentation)[tuple(index[:, ::-1].T)].tolist()


def test_the_prediction_lies_at_the_same_places_on_each_files_own_grid(
    patients: list[Path], model: NnUNetModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "draw_overview", lambda *_, **__: None)  # nearly all of the time
    art = sitk.ReadImage(str(patients[0] / "art.nii.gz"))
    points = np.array([art.TransformIndexToPhysicalPoint(index) for index in np.ndindex(*art.GetSize())])
    known: dict[str, Segmented] = {}
    run = model.segment

    def once(stack: np.ndarray, *rest: object) -> Segmented:
        key = digest(stack, *rest)
        if key not in known:
            known[key] = run(stack, *rest)
        return known[key]

    monkeypatch.setattr(model, "segment", once)
    expected: list[int] = []
    tables, words = [], []
    for number, patient in enumerate(patients):
        out = tmp_path / str(number)
        result = predict_case(model, patient, out, missing="fill", settings=LIGHT)
        segmentation = sitk.ReadImage(str(result.segmentation))
        reference = sitk.ReadImage(str(patient / "art.nii.gz"))
        assert header(segmentation) == header(reference)
        labels = labels_at(points, segmentation)
        expected = expected or labels
        assert labels == expected
        rows = read_csv(result.lesion_csv)
        words.append([[row.pop(name) for name in WORDS] for row in rows])
        tables.append([[float(v or "nan") for v in row.values()] for row in rows])
    assert 0.1 < np.mean(expected) < 0.9  # both labels, else nothing would be shown
    assert words == [words[0]] * 48
    # Places are told by each file's own header, which single precision blurs by 0.0001 mm, to 0.001 mm.
    np.testing.assert_allclose(tables, [tables[0]] * 48, rtol=0, atol=0.0021)


def test_this_network_tells_a_flipped_patient_from_the_same(
    prepared: list[PreparedCase], model: NnUNetModel
) -> None:
    """Without the turning, the test above would fail."""
    case = replace(prepared[0], channels=PHASES, filled=("dl",))
    flipped = {p: sitk.Flip(image, [True, False, False]) for p, image in case.aligned.images.items()}
    other = replace(case, aligned=replace(case.aligned, images=flipped))
    back = sitk.GetArrayFromImage(segment_case(model, other).labels)[:, :, ::-1]
    assert not np.array_equal(back, sitk.GetArrayFromImage(segment_case(model, case).labels))
