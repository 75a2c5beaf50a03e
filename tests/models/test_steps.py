"""Each step around the network comes to what nnU-Net's comes to."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window
from tiny_model import PATCH, SPACING_MM, model_of, patient, plans, record, single_precision

from nnunet_multiphase.models.description import ModelDescription
from nnunet_multiphase.models.export import describe
from nnunet_multiphase.models.preprocessing import nonzero_box, prepare_input
from nnunet_multiphase.models.sliding_window import window_logits, window_starts

ROUNDINGS = 2e-5


class Blur(torch.nn.Module):
    """A network whose answer depends on the place in the window and on the side, so that mirroring shows."""

    def __init__(self, axes: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = (torch.nn.Conv3d if axes == 3 else torch.nn.Conv2d)(4, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(0, 1, x.shape[-1])
        return self.layer(x) * (1 + ramp)


def described(made: dict) -> ModelDescription:
    return describe(
        model_of(Blur(len(made["configurations"]["3d_fullres"]["patch_size"])), made, record()), {}
    )


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
@pytest.mark.parametrize("spacing", [(5.0, 0.9, 1.4), SPACING_MM])
def test_the_network_is_shown_what_nnunets_preprocessor_gives(order, spacing):
    made = plans() | {"transpose_forward": order, "transpose_backward": np.argsort(order).tolist()}
    image = patient(absent="art")
    image[:, :2] = 0  # cropped away
    image[:, :, :, -3:] = 0
    image[1:, :, 5:9] = 0  # stays: one phase has data
    model = model_of(Blur(3), made, record())
    predictor = model.predictor
    configuration = predictor.configuration_manager
    expected, _, properties = configuration.preprocessor_class(verbose=False).run_case_npy(
        image, None, {"spacing": list(spacing)}, predictor.plans_manager, configuration, record()
    )
    shown = prepare_input(image, spacing, describe(model, {}))
    np.testing.assert_allclose(shown.image, expected, rtol=0, atol=ROUNDINGS)
    assert [[s.start, s.stop] for s in shown.box] == [list(b) for b in properties["bbox_used_for_cropping"]]


def test_an_image_of_zeros_alone_is_not_cropped():
    assert nonzero_box(np.zeros((2, 3, 4, 5))) == (slice(0, 3), slice(0, 4), slice(0, 5))


@pytest.mark.parametrize("mirror", [None, (0, 1, 2), (2,)])
@pytest.mark.parametrize("shape", [(7, 11, 17), (3, 8, 7)])
def test_windows_are_averaged_as_nnunet_does(mirror, shape):
    net = Blur(3)
    model = model_of(net, plans(patch_size=[4, 8, 8]), record(), mirror=mirror)
    image = patient(shape) / 50
    with single_precision():
        expected = model.predictor.predict_logits_from_preprocessed_data(torch.from_numpy(image)).numpy()
    found = window_logits([_run(net)], image, (4, 8, 8), 3, mirror or ())
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDINGS * np.abs(expected).max())


def test_a_network_of_two_axes_sees_slice_after_slice_as_nnunets_does():
    net = Blur(2)
    model = model_of(net, plans(patch_size=[8, 6], spacing=[1.5, 1.5]), record(), mirror=(0, 1))
    image = patient((3, 11, 5)) / 50
    with single_precision():
        expected = model.predictor.predict_logits_from_preprocessed_data(torch.from_numpy(image)).numpy()
    found = window_logits([_run(net)], image, (8, 6), 3, (0, 1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDINGS * np.abs(expected).max())


def test_folds_have_one_vote_each():
    image = patient() / 50
    one, other = _run(Blur(3)), _minus
    mean = window_logits([one, other], image, PATCH, 3)
    apart = [window_logits([each], image, PATCH, 3) for each in (one, other)]
    np.testing.assert_allclose(mean, (apart[0] + apart[1]) / 2, rtol=0, atol=1e-4)


def test_windows_are_at_most_half_a_patch_apart_and_reach_both_ends():
    assert window_starts((8, 33, 80), (8, 32, 32)) == [(0, y, x) for y in (0, 1) for x in (0, 16, 32, 48)]


@pytest.mark.parametrize("step", [0.3, 0.5, 0.75, 1.0])
def test_windows_lie_where_nnunet_lays_them(step: float):
    shape, patch = (37, 150, 401), (32, 64, 96)
    theirs = list(product(*compute_steps_for_sliding_window(shape, patch, step)))
    assert window_starts(shape, patch, step) == theirs


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"normalization_schemes": ["ZScoreNormalization"] * 4}, "ZScoreNormalization"),
        ({"use_mask_for_norm": [True] * 4}, "use_mask_for_norm"),
        ({"preprocessor_name": "Another"}, "Another"),
        ({"resampling_fn_data": "resample_torch_simple"}, "resample_torch_simple"),
        ({"resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 3}}, "higher order"),
    ],
)
def test_plans_with_a_step_that_cannot_be_exported_are_refused(changes, word):
    model = model_of(Blur(3), plans(), record())
    model.predictor.configuration_manager.configuration.update(changes)
    with pytest.raises(ValueError, match=word):
        describe(model, {})


def test_names_of_training_cases_are_not_exported():
    told = describe(
        model_of(Blur(3), plans(), record(numTraining=1, filled={"patient_of_ours": ["art"]})), {}
    )
    assert "patient_of_ours" not in str(told)
    assert list(told.record["reference_phase"].values()) == ["pv"]


def test_a_flat_network_keeps_the_distance_of_the_slices():
    flat = replace(described(plans()), spacing_mm=(1.5, 1.5), patch_size=(32, 32))
    shown = prepare_input(patient((5, 40, 40)), (7.0, 1.0, 1.0), flat)
    assert shown.image.shape == (4, 5, 27, 27)


def _run(net: torch.nn.Module):
    def run(window: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return net(torch.from_numpy(window)).numpy()

    return run


def _minus(window: np.ndarray) -> np.ndarray:
    return -window[:, :3]
