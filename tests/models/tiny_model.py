"""Make a small network of ours in nnU-Net's predictor: as planned, never trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_multiphase.models.equality import Equality
from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, NETWORK_CLASS, default_arch_kwargs
from nnunet_multiphase.phases import FILL_HU, PHASES
from nnunet_multiphase.prediction import NnUNetModel

PATCH = (8, 16, 16)
SPACING_MM = (4.0, 1.5, 1.5)
STRIDES = [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2]]
KERNELS = [[1, 3, 3]] + [[3, 3, 3]] * 4
LABELS = {"background": 0, "liver": 1, "lesion": 2}


@dataclass(frozen=True)
class Exported:
    """Hold a network in nnU-Net's predictor, and the folder it was exported to."""

    network: torch.nn.Module
    model: NnUNetModel
    folder: Path
    equality: Equality


def plans(**changes: Any) -> dict:
    """Give plans; `changes` go into the configuration."""
    resample = "resample_data_or_seg_to_shape"
    logits = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
    configuration = {
        "data_identifier": "tiny",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(PATCH),
        "median_image_size_in_voxels": [12, 40, 40],
        "spacing": list(SPACING_MM),
        "normalization_schemes": ["CTNormalization"] * len(PHASES),
        "use_mask_for_norm": [False] * len(PHASES),
        "resampling_fn_data": resample,
        "resampling_fn_seg": resample,
        "resampling_fn_probabilities": resample,
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 3, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 0, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities_kwargs": logits,
        "batch_dice": False,
        "architecture": {"network_class_name": NETWORK_CLASS, "arch_kwargs": {}, "_kw_requires_import": []},
        **changes,
    }
    properties = {
        str(n): {"mean": 60.0 + 9 * n, "std": 25.0, "percentile_00_5": -20.0, "percentile_99_5": 160.0 + n}
        for n in range(len(PHASES))
    }
    return {
        "dataset_name": "Dataset900_Tiny",
        "plans_name": "tiny",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "label_manager": "LabelManager",
        "configurations": {"3d_fullres": configuration},
        "foreground_intensity_properties_per_channel": properties,
    }


def record(labels: dict = LABELS, **further: Any) -> dict:
    """Give the dataset.json that goes with it."""
    return {
        "channel_names": {str(n): "CT" for n in range(len(PHASES))},
        "phases": list(PHASES),
        "axes": "LPS",
        "labels": labels,
        "file_ending": ".nii.gz",
        "reference_phase": {"patient_of_ours": "pv"},
        **further,
    }


def network(heads: int, seed: int = 3) -> torch.nn.Module:
    """Give our network with few features."""
    kwargs = default_arch_kwargs(KERNELS, STRIDES, is_2d=False, patch_size=None)
    kwargs |= {"features_per_stage": [4, 4, 6, 6, 8], "decoder_features_per_stage": [2, 4, 4, 6]}
    torch.manual_seed(seed)
    made = get_network_from_plans(
        NETWORK_CLASS,
        json.loads(json.dumps(kwargs)),
        ARCH_KWARGS_REQ_IMPORT,
        len(PHASES),
        heads,
        True,
        False,
    )
    return made.eval()


def model_of(
    net: torch.nn.Module, made: dict, told: dict, *, mirror: tuple[int, ...] | None = (0, 1, 2)
) -> NnUNetModel:
    """Put a network into nnU-Net's predictor."""
    manager = PlansManager(made)
    predictor = nnUNetPredictor(
        use_mirroring=mirror is not None,
        device=torch.device("cpu"),
        allow_tqdm=False,
        perform_everything_on_device=False,
    )
    predictor.manual_initialization(
        net,
        manager,
        manager.get_configuration("3d_fullres"),
        [copied(net)],
        told,
        "MultiPhaseSCAMTrainer",
        mirror,
    )
    return NnUNetModel(predictor)


def copied(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Give a network's parameters as they are now, as a checkpoint would hold them."""
    return {name: value.clone() for name, value in net.state_dict().items()}


def patient(shape: tuple[int, ...] = (9, 17, 20), seed: int = 0, absent: str | None = None) -> np.ndarray:
    """Give phases in HU: noise with a bright half."""
    rng = np.random.default_rng(seed)
    image = rng.normal(70, 40, (len(PHASES), *shape)).astype(np.float32)
    image[:, :, shape[1] // 2 :] += 30
    if absent is not None:
        image[PHASES.index(absent)] = FILL_HU
    return image


@contextmanager
def single_precision() -> Iterator[None]:
    """Let nnU-Net add up windows in single precision: in half, as it does, its labels waver where two classes tie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "half", torch.float32)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work in one thread: on a busy machine two wait for each other longer than these windows take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
