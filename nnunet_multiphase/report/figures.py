"""Draw the report's figures: training curves, and prediction beside truth on every phase."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.phases import PHASE_TITLES, PHASES
from registration.own_style import own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours that the common kinds of colour blindness keep apart (jfly.uni-koeln.de/color); line
# styles differ too, so that the legend also holds in grey print.
TRUTH_COLOUR, TRUTH_LINE = "#E69F00", "solid"
PREDICTION_COLOUR, PREDICTION_LINE = "#56B4E9", (0, (3, 1.5))
CURVE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
WINDOW_HU = (-60.0, 200.0)
"""Grey values from black to white: the liver window."""


@own_style()
def training_curves(
    losses: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, y_label: str = "loss"
) -> bytes:
    """Draw training and validation loss over the epochs, one panel a model.

    Each panel has an axis of its own, because losses of different kinds do not compare.

    Args:
        losses: model -> (training losses, validation losses), one value an epoch each.
        y_label: what the vertical axis shows.

    Returns:
        An SVG image.

    Raises:
        ValueError: there is no model.
    """
    if not losses:
        raise ValueError("training curves need at least one model's losses")
    figure, axes = _figure(len(losses), 1, size=(4.6 * len(losses), 3.2))
    for i, (axis, (model, (train, validation))) in enumerate(zip(axes[0], losses.items(), strict=True)):
        colour = CURVE_COLOURS[i % len(CURVE_COLOURS)]
        for values, name, style, marker in (
            (train, "training", "--", "o"),
            (validation, "validation", "-", "s"),
        ):
            # A marker on each point only while points are few: one epoch draws no line at all.
            marker = marker if len(values) <= 12 else ""
            epochs = range(1, len(values) + 1)
            axis.plot(epochs, values, linestyle=style, color=colour, marker=marker, markersize=4, label=name)
        axis.set_title(model, fontsize=10, loc="left")
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(color="#e3e7eb", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=9)
    axes[0][0].set_ylabel(y_label)
    return _svg(figure)


@own_style()
def prediction_panel(
    images: Mapping[str, sitk.Image],
    truth: sitk.Image | None,
    prediction: sitk.Image,
    *,
    title: str = "",
    window_hu: tuple[float, float] = WINDOW_HU,
) -> bytes:
    """Draw truth and prediction as contours on every phase, in the slice that shows most of them.

    The upper row is the whole slice, the lower one a close-up. Patient's right is on the left, front is up.

    Args:
        images: phase -> CT in HU, all on one grid.
        truth: label image on that grid, or None for a patient without; non-zero is lesion.
        prediction: label image on that grid; non-zero is lesion.
        title: heading of the figure.
        window_hu: HU shown black and white.

    Returns:
        A PNG image.

    Raises:
        ValueError: there is no phase, or the sizes differ.
    """
    if not images:
        raise ValueError("a prediction panel needs at least one phase")
    sizes = {image.GetSize() for image in (*images.values(), prediction, *([truth] if truth else []))}
    if len(sizes) > 1:
        raise ValueError(f"phases, truth and prediction must have one size, found {sorted(sizes)}")
    prediction_zyx = _axial(prediction) != 0
    truth_zyx = _axial(truth) != 0 if truth is not None else np.zeros_like(prediction_zyx)
    z = _telling_slice(truth_zyx, prediction_zyx)
    spacing = sitk.DICOMOrient(prediction, "LPS").GetSpacing()
    close_up = _close_up(truth_zyx[z] | prediction_zyx[z], spacing)
    phases = sorted(images, key=lambda p: (PHASES.index(p) if p in PHASES else len(PHASES), p))

    _, height, width = prediction_zyx.shape
    tall = height * spacing[1] / (width * spacing[0])
    figure, axes = _figure(len(phases), 2, size=(2.9 * len(phases), 2.9 * (tall + 1) + 0.9))
    for column, phase in enumerate(phases):
        ct = _axial(images[phase])[z]
        for row, (y, x) in enumerate(((slice(0, height), slice(0, width)), close_up)):
            axis = axes[row][column]
            # Pixel centres at whole voxel numbers times spacing, in mm: the aspect is true.
            extent = [
                (x.start - 0.5) * spacing[0],
                (x.stop - 0.5) * spacing[0],
                (y.stop - 0.5) * spacing[1],
                (y.start - 0.5) * spacing[1],
            ]
            axis.imshow(ct[y, x], cmap="gray", vmin=window_hu[0], vmax=window_hu[1], extent=extent)
            _contour(axis, truth_zyx[z], spacing, TRUTH_COLOUR, TRUTH_LINE)
            _contour(axis, prediction_zyx[z], spacing, PREDICTION_COLOUR, PREDICTION_LINE)
            axis.set_xlim(extent[0], extent[1])
            axis.set_ylim(extent[2], extent[3])
            axis.set_xticks([])
            axis.set_yticks([])
        axes[0][column].set_title(PHASE_TITLES.get(phase, phase), fontsize=10)
    _legend(figure, with_truth=truth is not None)
    heading = f"{title}  (slice {z + 1} of {prediction_zyx.shape[0]})".strip()
    figure.suptitle(heading, fontsize=11, x=0.01, ha="left")
    return _png(figure)


def _axial(image: sitk.Image) -> np.ndarray:
    """Turn an image so that rows run to the patient's back and columns to the left; (z, y, x) array."""
    return sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))


def _telling_slice(truth: np.ndarray, prediction: np.ndarray) -> int:
    """Pick the slice with most truth, without truth with most prediction, without either the middle one."""
    for mask in (truth, prediction):
        if mask.any():
            return int(np.argmax(mask.sum(axis=(1, 2))))
    return truth.shape[0] // 2


def _close_up(lesions: np.ndarray, spacing: Sequence[float], margin_mm: float = 15.0) -> tuple[slice, slice]:
    """Frame the lesions of a (y, x) slice by a square with a margin, inside the slice; all of it for none."""
    height, width = lesions.shape
    if not lesions.any():
        return slice(0, height), slice(0, width)
    ys, xs = np.nonzero(lesions)
    side_mm = max(np.ptp(ys) * spacing[1], np.ptp(xs) * spacing[0]) + 2 * margin_mm
    frame = []
    for index, length, step in ((ys, height, spacing[1]), (xs, width, spacing[0])):
        half = side_mm / step / 2
        middle = (index.min() + index.max()) / 2
        frame.append(slice(max(0, round(middle - half)), min(length, round(middle + half) + 1)))
    return frame[0], frame[1]


def _contour(axis: object, mask: np.ndarray, spacing: Sequence[float], colour: str, line: object) -> None:
    if not mask.any():
        return
    # One voxel of background around, so that a lesion at the border has a closed contour.
    padded = np.pad(mask, 1).astype(np.float32)
    ys, xs = (np.arange(-1, n + 1) * spacing[1 - axis_yx] for axis_yx, n in enumerate(mask.shape))
    axis.contour(  # type: ignore[attr-defined]
        xs, ys, padded, levels=[0.5], colors=[colour], linestyles=[line], linewidths=1.6
    )


def _legend(figure: "Figure", *, with_truth: bool) -> None:
    from matplotlib.lines import Line2D

    shown: list[tuple[str, str, object]] = [("truth", TRUTH_COLOUR, TRUTH_LINE)] if with_truth else []
    shown.append(("prediction", PREDICTION_COLOUR, PREDICTION_LINE))
    handles = [Line2D([], [], color=c, ls=style, linewidth=2, label=name) for name, c, style in shown]
    legend = figure.legend(handles=handles, loc="outside lower left", ncols=2, fontsize=9, handlelength=4)
    # On the pictures' dark grey the two colours look as they do in the pictures.
    legend.get_frame().set(facecolor="#3a3a3a", edgecolor="none", alpha=1.0)
    for text in legend.get_texts():
        text.set_color("white")


def _figure(columns: int, rows: int, *, size: tuple[float, float]) -> tuple["Figure", np.ndarray]:
    """Make a figure without pyplot: no window system, no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _svg(figure: "Figure") -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "nnunet-multiphase", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
