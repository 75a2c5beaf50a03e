"""What is drawn leaves nothing behind: neither settings nor pictures in memory."""

from __future__ import annotations

import gc
import io
import weakref

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from registration.own_style import own_style


def drawn(seen: list[weakref.ref[Figure]]) -> bytes:
    figure = Figure()
    FigureCanvasAgg(figure)
    figure.add_axes((0, 0, 1, 1)).imshow(np.zeros((20, 20, 3)))
    seen.append(weakref.ref(figure))
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def failing(seen: list[weakref.ref[Figure]]) -> bytes:
    drawn(seen)
    raise ValueError("no room")


@pytest.fixture
def _nobody_collects():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_nobody_collects")
def test_a_figure_is_gone_when_it_is_drawn() -> None:
    seen: list[weakref.ref[Figure]] = []
    assert own_style()(drawn)(seen).startswith(b"\x89PNG")
    assert seen[0]() is None


@pytest.mark.usefixtures("_nobody_collects")
def test_a_figure_is_gone_when_it_was_not_drawn_to_its_end() -> None:
    seen: list[weakref.ref[Figure]] = []
    with pytest.raises(ValueError, match="no room"):
        own_style()(failing)(seen)
    assert seen[0]() is None


@pytest.mark.filterwarnings("error")
def test_a_name_in_letters_that_the_font_lacks_is_no_warning() -> None:
    def draw() -> None:
        figure = Figure()
        FigureCanvasAgg(figure)
        figure.text(0, 0, "\u5f20")
        figure.savefig(io.BytesIO(), format="png")

    with pytest.raises(UserWarning, match="missing from"):
        draw()
    own_style()(draw)()


def test_the_process_keeps_its_style() -> None:
    with matplotlib.rc_context({"font.size": 31}):
        own_style()(lambda: None)()
        assert matplotlib.rcParams["font.size"] == 31
