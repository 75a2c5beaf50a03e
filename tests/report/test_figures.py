"""Figures: the same for the same numbers, in their own style and colours."""

import matplotlib
import numpy as np
import pytest
import SimpleITK as sitk
from drawn_panel import drawn_panel, volume

from nnunet_multiphase.report.figures import prediction_panel, training_curves

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def panel():
    return drawn_panel()


def test_figures_are_the_same_for_the_same_numbers(panel):
    curves = {"m": ([1.0, 0.5], [1.1, 0.7])}
    assert training_curves(curves) == training_curves(curves)
    assert panel.startswith(b"\x89PNG")


def test_figures_do_not_take_the_style_another_library_set():
    curves = {"ours": ([0.9, 0.5], [0.8, 0.6])}
    plain = training_curves(curves)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "#eaeaf2"}):
        assert training_curves(curves) == plain


def test_a_panel_needs_phases_of_one_size():
    one, other = volume(np.zeros((2, 4, 4), np.uint8)), volume(np.zeros((2, 4, 5), np.uint8))
    with pytest.raises(ValueError, match="one size"):
        prediction_panel({"pv": one}, None, other)
    with pytest.raises(ValueError, match="at least one phase"):
        prediction_panel({}, None, one)


def pixels(png, tmp_path):
    (tmp_path / "p.png").write_bytes(png)
    return sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "p.png")))[..., :3].astype(int)


def coloured(png, colour, tmp_path):
    """Count the pixels within 40 grey values of a colour (antialiasing blends the rim of a line)."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels(png, tmp_path) - rgb).max(axis=-1) < 40).sum())


def test_truth_and_prediction_are_drawn_in_their_own_colours(tmp_path):
    from nnunet_multiphase.report.figures import PREDICTION_COLOUR, TRUTH_COLOUR

    ct = {"pv": volume(np.full((3, 40, 50), 60, np.int16))}
    lesion = np.zeros((3, 40, 50), np.uint8)
    empty = prediction_panel(ct, volume(lesion), volume(lesion))
    lesion[1, 10:25, 10:30] = 1
    nothing = volume(np.zeros_like(lesion))
    truth_only = prediction_panel(ct, volume(lesion), nothing)
    prediction_only = prediction_panel(ct, nothing, volume(lesion))
    for colour, with_it, without in (
        (TRUTH_COLOUR, truth_only, prediction_only),
        (PREDICTION_COLOUR, prediction_only, truth_only),
    ):
        legend = coloured(empty, colour, tmp_path)
        # a contour is some hundreds of pixels long, the same legend stands in all three
        assert coloured(with_it, colour, tmp_path) > legend + 100
        assert coloured(without, colour, tmp_path) <= legend + 10
