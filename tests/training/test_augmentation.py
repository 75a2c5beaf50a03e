"""The augmentations: the method's list, low resolution by nearest neighbour, rotation only when asked for."""

import numpy as np
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform
from batchgeneratorsv2.transforms.utils.seg_to_regions import ConvertSegmentationToRegionsTransform

from nnunet_multiphase.training.augmentation import flatten, patch_size_before_scaling
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer

PATCH = (8, 16, 16)


def transforms(rotation: tuple[float, float] = (0.0, 0.0), **options) -> list:
    composed = MultiPhaseSCAMTrainer.get_training_transforms(
        PATCH, rotation, [[1, 1, 1], [0.5, 0.5, 0.5]], (0, 1, 2), False, **options
    )
    return list(flatten(composed))


def only(kind: type, found: list):
    (transform,) = [t for t in found if isinstance(t, kind)]
    return transform


def test_every_augmentation_of_the_method_is_there():
    kinds = {type(t) for t in transforms()}
    assert kinds >= {
        SpatialTransform,
        GaussianNoiseTransform,
        GaussianBlurTransform,
        MultiplicativeBrightnessTransform,
        ContrastTransform,
        SimulateLowResolutionTransform,
        GammaTransform,
        MirrorTransform,
    }


def test_low_resolution_comes_back_by_nearest_neighbour():
    low = only(SimulateLowResolutionTransform, transforms())
    image = torch.arange(4.0).reshape(1, 1, 1, 4).repeat(1, 4, 4, 1)
    changed = low._apply_to_image(image.clone(), apply_to_channel=[0], scales=torch.tensor([[0.5, 0.5, 0.5]]))
    # Two columns of four are kept (1 and 3: the voxel at the coarse one's centre, rounded up) and repeated.
    assert changed[0, 0, 0].tolist() == [1, 1, 3, 3]


def test_low_resolution_makes_no_new_values_in_three_dimensions():
    low = only(SimulateLowResolutionTransform, transforms())
    image = torch.randn((2, *PATCH), generator=torch.Generator().manual_seed(0))
    changed = low._apply_to_image(image.clone(), apply_to_channel=[1], scales=torch.tensor([[0.6, 0.7, 0.8]]))
    assert set(changed[1].flatten().tolist()) < set(image[1].flatten().tolist())


def test_rotation_is_off_unless_asked_for():
    assert only(SpatialTransform, transforms()).p_rotation == 0
    assert only(SpatialTransform, transforms((-0.5, 0.5))).p_rotation > 0
    assert only(SpatialTransform, transforms()).p_scaling > 0


def test_target_steps_of_nnunet_stay():
    found = transforms(regions=[[1, 2], 2], ignore_label=3, foreground_labels=[1, 2])
    for kind in (RemoveLabelTansform, ConvertSegmentationToRegionsTransform, DownsampleSegForDSTransform):
        assert only(kind, found)


def test_cascade_steps_of_nnunet_stay():
    names = [type(t).__name__ for t in transforms(is_cascaded=True, foreground_labels=[1])]
    assert "MoveSegAsOneHotToDataTransform" in names
    assert "ApplyRandomBinaryOperatorTransform" in names


def test_loaded_patch_holds_the_largest_scaling():
    # 8 * 1.4 = 11.2, 16 * 1.4 = 22.4, rounded up.
    np.testing.assert_array_equal(patch_size_before_scaling(PATCH, in_plane_only=False), (12, 23, 23))
    np.testing.assert_array_equal(patch_size_before_scaling(PATCH, in_plane_only=True), (8, 23, 23))
