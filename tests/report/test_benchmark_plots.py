"""Where a plot's marks lie, by hand."""

import math
import re

import pytest

from nnunet_multiphase.report.benchmark_plots import (
    DOT,
    EDGE,
    WIDTH,
    PlanePoint,
    StripRow,
    _swarm,
    _ticks,
    loss_curves,
    plane,
    strip_plot,
)

NAN = math.nan


def numbers(svg, pattern):
    return [float(found) for found in re.findall(pattern, svg)]


def row(points=(), value=NAN, low=NAN, high=NAN, kind="", said="", name="a"):
    return StripRow(name, points, value, low, high, kind, said)


def test_dots_lie_where_the_axis_says():
    svg = strip_plot([row([-1.0, 0.0, 1.0])], label="x", limits=(-1.0, 1.0))
    assert numbers(svg, r'cx="([\d.]+)"') == [EDGE, WIDTH / 2, WIDTH - EDGE]


def test_an_interval_reaches_from_its_low_to_its_high_end():
    svg = strip_plot([row(value=0.0, low=-0.5, high=1.0)], label="x", limits=(-1.0, 1.0))
    ends = numbers(svg, r'<line class="range" x1="([\d.]+)"') + numbers(svg, r' x2="([\d.]+)" y1')
    # a quarter, and all, of the width between the edges
    assert ends == [EDGE + (WIDTH - 2 * EDGE) / 4, WIDTH - EDGE]


def test_what_is_undefined_is_not_drawn():
    svg = strip_plot([row([NAN, 0.5])], label="x")
    assert svg.count("<circle") == 1
    assert "range" not in svg
    assert "mark" not in svg


def test_a_plot_of_nothing_but_zeros_has_an_axis():
    assert "zero" in strip_plot([row([0.0, 0.0], 0.0, 0.0, 0.0)], label="x")


def test_names_are_escaped():
    assert "<i>" not in strip_plot([row(name="<i>", said="<i>")], label='"<i>', ends=("<i>", "<i>"))


def test_dots_do_not_lie_upon_each_other_while_there_is_room():
    placed = _swarm([10.0, 10.5, 11.0, 30.0, 12.0])
    for i, (x, step) in enumerate(placed):
        for other_x, other_step in placed[:i]:
            assert step != other_step or abs(x - other_x) >= 2 * DOT


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.03, 0.11, [0.0, 0.05, 0.1]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-40, 70, [-40, -20, 0, 20, 40, 60]),
    ],
)
def test_ticks_are_round_numbers_within_the_limits(low, high, expected):
    assert _ticks(low, high) == expected


def test_a_plane_of_far_points_is_logarithmic():
    points = [PlanePoint(str(i), x, 0.5, NAN, NAN) for i, x in enumerate((1.0, 10.0, 100.0))]
    xs = numbers(plane(points, label="x", x_title="s", y_title="Dice"), r'cx="([\d.]+)"')
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)  # one decimal each


def test_a_plane_of_near_points_starts_at_zero():
    points = [PlanePoint("1", 2.0, 0.5, NAN, NAN), PlanePoint("2", 4.0, 0.6, NAN, NAN)]
    xs = numbers(plane(points, label="x", x_title="s", y_title="Dice"), r'cx="([\d.]+)"')
    assert xs[1] - 40 == pytest.approx(2 * (xs[0] - 40), abs=0.2)


def test_a_point_that_was_not_measured_is_left_out_of_the_plane():
    points = [PlanePoint("1", NAN, 0.5, NAN, NAN), PlanePoint("2", 4.0, 0.6, NAN, NAN)]
    assert plane(points, label="x", x_title="s", y_title="Dice").count("<circle") == 1
    assert plane(points[:1], label="x", x_title="s", y_title="Dice") == ""


def test_curves_are_a_line_a_training_and_one_its_validation():
    svg = loss_curves([[1.0, 0.5]] * 3, [[1.1, NAN]] * 3, label="x")
    assert svg.count('<polyline class="training"') == svg.count('<polyline class="validation"') == 3
    assert loss_curves([()], [()], label="x") == ""
