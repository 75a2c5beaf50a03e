"""Planning, the whole: nnU-Net's experiment planner with the method's network, resampling and intensities.

Found by name through `nnUNetv2_plan_experiment -pl MultiPhaseSCAMPlanner`. The plans it writes name vanilla
classes only (DefaultPreprocessor, CTNormalization, resample_data_or_seg_to_shape) besides the network, so
preprocessing and prediction need nothing of ours but the importable network.
"""

import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.preprocessing.normalization.map_channel_name_to_normalization import (
    channel_name_to_normalization_mapping,
)
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_object
from nnunet_multiphase.label_classes import refuse_lost_labels
from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, RATES, default_arch_kwargs
from nnunet_multiphase.network.dilated_scam_unet import DilatedSCAMUNet
from nnunet_multiphase.phase_record import (
    channel_names,
    named_phases,
    refuse_altered_phases,
    refuse_other_channels,
    refuse_other_fill,
    told_of_unknown_cases,
)
from nnunet_multiphase.planning.intensities import dataset_intensity_properties
from nnunet_multiphase.planning.memory import kept_elements, kept_elements_budget, kept_elements_of_loss
from nnunet_multiphase.planning.topology import Topology, plan_topology, shrink_patch
from nnunet_multiphase.prepared_images import told_of_unfit_images, what_plans_ask
from nnunet_multiphase.split_record import (
    SPLITS,
    read_folds,
    told_of_cases_without_fold,
    told_of_own_folds,
)

PLANS_NAME = "nnUNetMultiPhaseSCAMPlans"

# nnU-Net's starting points before the memory estimate shrinks them: the volume of a 256^3 patch, or the area
# of a 2048^2 one, with the proportions of the voxel spacing.
_LARGEST_PATCH_VOXELS = {2: 2048**2, 3: 256**3}


class MultiPhaseSCAMPlanner(ExperimentPlanner):
    """Plan `DilatedSCAMUNet` for a multi-phase CT dataset.

    Differs from nnU-Net's ExperimentPlanner in: at most `max_stages` resolutions; masks resampled by nearest
    neighbour, images by cubic splines along every axis; clipping at the 0.05 and 99.5 percentiles of the
    foreground without fill values; memory estimated from what autograd really keeps.
    """

    max_stages = 5
    intensity_seed = 1234
    rates: tuple[int, ...] = RATES
    """Dilation rates that the convolutions of a stage take in turn."""
    default_plans_name = PLANS_NAME

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 8,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str | None = None,
        overwrite_target_spacing: list[float] | tuple[float, ...] | None = None,
        suppress_transpose: bool = False,
    ) -> None:
        told_of_folds = ""
        try:
            super().__init__(
                dataset_name_or_id,
                gpu_memory_target_in_gb,
                preprocessor_name,
                plans_name or self.default_plans_name,
                overwrite_target_spacing,
                suppress_transpose,
            )
        except Exception:
            # The last thing nnU-Net does here is to compare two splits_final.json, by a bare assert, though it lets users
            # write one of them; all else has its value by then.
            if "plans" not in vars(self):
                raise
            own, given = self._splits, Path(self.raw_dataset_folder) / SPLITS
            told_of_folds = told_of_own_folds(own, given, self.dataset)
        self.told_of_folds = told_of_folds
        self.UNet_class = DilatedSCAMUNet

    def plan_experiment(self) -> dict[str, Any]:
        """Measure the foreground intensities, then plan and save as nnU-Net does.

        Returns:
            The plans, also saved as `<plans name>.json` in the dataset's preprocessed folder.

        Raises:
            InputError: What dataset.json says of the phases does not fit the channels, the cases or the images, its regions
                never give a label, or images are too small.
        """
        refuse_lost_labels(self.dataset_json, f"{self.raw_dataset_folder}/dataset.json")
        refuse_altered_phases(self.dataset_json)
        refuse_other_channels(self.dataset_json, channel_name_to_normalization_mapping)
        told_of_references = told_of_unknown_cases(self.dataset_json, self.dataset)
        measured = dataset_intensity_properties(
            self.dataset,
            self.determine_reader_writer(),
            named_phases(self.dataset_json) or list(channel_names(self.dataset_json).values()),
            ignore_label=self.dataset_json["labels"].get("ignore"),
            seed=self.intensity_seed,
            tell_constant=partial(refuse_other_fill, self.dataset_json),
        )
        fingerprint: dict[str, Any] = vars(self)["dataset_fingerprint"]
        # Only this object's copy changes: the file is shared with every other plan of the dataset.
        self.dataset_fingerprint = {
            **fingerprint,
            "foreground_intensity_properties_per_channel": measured,
        }
        plans: dict[str, Any] = super().plan_experiment()
        folds = read_folds(self._splits) if self._splits.is_file() else []
        told_of_cases = told_of_cases_without_fold(self._splits, folds, self.dataset) if folds else ""
        # At the end, where they are seen: nnU-Net prints every configuration.
        for told in filter(
            None, (told_of_references, self.told_of_folds, told_of_cases, self._told_of_images(plans))
        ):
            logging.getLogger(__name__).warning("warning: %s", told)
        return plans

    def _told_of_images(self, plans: dict[str, Any]) -> str:
        """Say which images do not fit the plans any more; `nnUNetv2_plan_and_preprocess` goes on to replace them."""
        folder = Path(nnUNet_preprocessed) / self.dataset_name
        for configuration in plans["configurations"]:
            asked = what_plans_ask(plans, configuration, self.dataset_json)
            told = "" if asked is None else told_of_unfit_images(folder, asked, self.dataset)
            if told:
                return f"images that were preprocessed before do not fit these plans; {told}"
        return ""

    @property
    def _splits(self) -> Path:
        """Say where the folds lie that trainings read."""
        return Path(nnUNet_preprocessed) / self.dataset_name / SPLITS

    def save_plans(self, plans: dict[str, Any]) -> None:
        """Save as nnU-Net does, with the phases, and with settings that somebody wrote into the same plans by hand.

        By the phases of the channels the trainer sees whether plans are of its dataset. nnU-Net keeps the configurations
        that users added, so they expect it of the trainer's settings, too. What a planner sets itself (see `ablations`)
        counts more than what stood there.

        Raises:
            InputError: The plans that are there cannot be read.
        """
        phases = named_phases(self.dataset_json)
        if phases:
            plans["phases"] = list(phases)
        file = Path(str(nnUNet_preprocessed)) / self.dataset_name / f"{self.plans_identifier}.json"
        if file.is_file():
            before = load_object(file, "remove it and plan again, or restore it")
            kept = []
            for key in (key for key in before if key.startswith("multiphase")):
                own, there = plans.get(key), before[key]
                both = {**there, **own} if isinstance(own, dict) and isinstance(there, dict) else own or there
                if both != own:
                    kept.append(f"{key} {json.dumps(both)}")
                plans[key] = both
            if kept:
                print(f"Settings of the plans that were there are kept: {', '.join(kept)}")
        super().save_plans(plans)

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Callable, dict, Callable, dict]:
        """Resample images by cubic splines and masks by nearest neighbour, along every axis.

        force_separate_z=False takes nnU-Net's one-pass path also when z is coarse. Its two-pass path with
        order_z=3 would be cubic as well, but is not clipped: beside a lesion's edge it invents HU that the
        image does not hold.
        """
        image = {"is_seg": False, "order": 3, "order_z": 3, "force_separate_z": False}
        mask = {"is_seg": True, "order": 0, "order_z": 0, "force_separate_z": False}
        return resample_data_or_seg_to_shape, image, resample_data_or_seg_to_shape, mask

    def determine_segmentation_softmax_export_fn(self, *args: Any, **kwargs: Any) -> tuple[Callable, dict]:
        """Bring predicted probabilities back linearly along every axis, in z as the images went in."""
        return resample_data_or_seg_to_shape, {
            "is_seg": False,
            "order": 1,
            "order_z": 1,
            "force_separate_z": False,
        }

    @staticmethod
    def static_estimate_VRAM_usage(  # noqa: N802 (nnU-Net's name)
        patch_size: tuple[int, ...],
        input_channels: int,
        output_channels: int,
        arch_class_name: str,
        arch_kwargs: dict[str, Any],
        arch_kwargs_req_import: tuple[str, ...],
    ) -> int:
        """Count the elements one sample keeps for the backward pass, in the network and in the loss.

        Touches no thread settings, so nnUNet_n_proc_DA=0, which crashes nnU-Net's own version, is fine.
        """
        with torch.device("meta"):
            network = get_network_from_plans(
                arch_class_name,
                arch_kwargs,
                arch_kwargs_req_import,
                input_channels,
                output_channels,
                allow_init=False,
                deep_supervision=True,
            )
        in_network = kept_elements(network, input_channels, patch_size)
        return in_network + kept_elements_of_loss(patch_size, arch_kwargs["strides"], output_channels)

    def get_plans_for_configuration(
        self,
        spacing: np.ndarray | tuple[float, ...] | list[float],
        median_shape: np.ndarray | tuple[int, ...],
        data_identifier: str,
        approximate_n_voxels_dataset: float,
        _cache: dict[str, float],
    ) -> dict[str, Any]:
        """Plan one configuration: patch size, batch size, network.

        Args:
            spacing: Target spacing in mm, 2 or 3 axes.
            median_shape: Median image shape at that spacing, in voxels.
            data_identifier: Folder name of the preprocessed data.
            approximate_n_voxels_dataset: Voxels of the whole dataset at that spacing.
            _cache: Memory estimates by topology, shared between the configurations of one planning.

        Returns:
            The configuration as nnU-Net's plans hold it.

        Raises:
            InputError: The images are too small for a single downsampling.
        """
        n_axes = len(spacing)
        budget = kept_elements_budget(self.UNet_vram_target_GB, n_axes)
        topology = self._largest_topology(spacing, median_shape)
        kept = self._kept(topology, _cache)
        while kept * self.UNet_min_batch_size > budget:
            smaller = shrink_patch(
                spacing,
                topology,
                median_shape,
                max_stages=self.max_stages,
                min_edge=self.UNet_featuremap_min_edge_length,
            )
            if smaller == topology:
                break  # nnU-Net's minimum: the smallest patch at the smallest batch, whatever the target
            topology = smaller
            kept = self._kept(topology, _cache)

        # Memory left over goes into the batch, but no batch sees more than 5 % of the dataset.
        covering = (
            approximate_n_voxels_dataset * self.max_dataset_covered / float(np.prod(topology.patch_size))
        )
        batch_size = max(min(round(budget / kept), round(covering)), self.UNet_min_batch_size)

        resample_image, image_kwargs, resample_mask, mask_kwargs = self.determine_resampling()
        resample_softmax, softmax_kwargs = self.determine_segmentation_softmax_export_fn()
        schemes, use_mask = self.determine_normalization_scheme_and_whether_mask_is_used_for_norm()
        return {
            "data_identifier": data_identifier,
            "preprocessor_name": self.preprocessor_name,
            "batch_size": batch_size,
            "patch_size": topology.patch_size,
            "median_image_size_in_voxels": median_shape,
            "spacing": spacing,
            "normalization_schemes": schemes,
            "use_mask_for_norm": use_mask,
            "resampling_fn_data": resample_image.__name__,
            "resampling_fn_seg": resample_mask.__name__,
            "resampling_fn_data_kwargs": image_kwargs,
            "resampling_fn_seg_kwargs": mask_kwargs,
            "resampling_fn_probabilities": resample_softmax.__name__,
            "resampling_fn_probabilities_kwargs": softmax_kwargs,
            "architecture": self._architecture(topology),
        }

    def _largest_topology(self, spacing: Any, median_shape: Any) -> Topology:
        """Start from nnU-Net's largest patch, its edges equal in mm, but no larger than an image."""
        n_axes = len(spacing)
        per_mm = 1.0 / np.asarray(spacing, dtype=float)
        edge = (_LARGEST_PATCH_VOXELS[n_axes] / np.prod(per_mm)) ** (1.0 / n_axes)
        patch = np.minimum(np.round(per_mm * edge), np.asarray(median_shape)[:n_axes]).astype(int)
        topology = plan_topology(
            spacing,
            np.maximum(patch, 1),
            max_stages=self.max_stages,
            min_edge=self.UNet_featuremap_min_edge_length,
        )
        if len(topology.strides) < 2:
            needed = 2 * self.UNet_featuremap_min_edge_length
            raise InputError(
                f"dataset {self.dataset_name}: the median image has {tuple(patch.tolist())} voxels "
                f"at the target spacing, "
                f"expected {needed} along one axis so that the network can downsample once; "
                "use larger images or a finer -overwrite_target_spacing"
            )
        return topology

    def _architecture(self, topology: Topology) -> dict[str, Any]:
        """Describe the network the way nnU-Net's plans do."""
        return {
            "network_class_name": f"{self.UNet_class.__module__}.{self.UNet_class.__name__}",
            "arch_kwargs": default_arch_kwargs(
                topology.kernel_sizes,
                topology.strides,
                is_2d=len(topology.patch_size) == 2,
                patch_size=topology.patch_size,
                rates=self.rates,
            ),
            "_kw_requires_import": ARCH_KWARGS_REQ_IMPORT,
        }

    def _kept(self, topology: Topology, cache: dict[str, float]) -> float:
        """Look up or count the elements one sample of this topology keeps.

        Patch sizes are multiples of the divisor, so every map grows with the patch's voxels: one count serves
        all patches of the same strides and kernels.
        """
        key = f"{topology.strides} {topology.kernel_sizes}"
        voxels = float(np.prod(topology.patch_size))
        if key not in cache:
            architecture = self._architecture(topology)
            cache[key] = (
                self.static_estimate_VRAM_usage(
                    topology.patch_size,
                    len(channel_names(self.dataset_json)),
                    len(self.dataset_json["labels"]),
                    architecture["network_class_name"],
                    architecture["arch_kwargs"],
                    architecture["_kw_requires_import"],
                )
                / voxels
            )
        return cache[key] * voxels
