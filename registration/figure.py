"""Draw the moving phase over the reference, before and after: checkerboard and colour fusion in three planes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from registration.own_style import own_style
from registration.resample import resample_image
from registration.volume import check_same_grid, mask_from_image, values_of

WINDOW_HU = (-120.0, 240.0)  # soft tissue
TILE_MM = 28.0  # edge of a checkerboard's field
PLANES = ("axial", "coronal", "sagittal")


@own_style()
def overlay_figure(
    reference: sitk.Image,
    moving: sitk.Image,
    transform: sitk.Transform | None,
    path: str | Path,
    *,
    mask: sitk.Image | None = None,
    title: str = "",
    trace: Sequence[float] = (),
) -> Path:
    """Write a PNG that shows how well two volumes match, before and after registration.

    Planes are the reference's own: through the mask's middle, or the volume's. In the checkerboard (above)
    fields of the reference and of the moving volume alternate: edges must run on from field to field. In the
    fusion (below) the reference is magenta and the moving volume green: what matches in value is grey.

    Args:
        reference: Fixed volume, HU.
        moving: Moving volume, HU; on any grid.
        transform: Reference points -> moving points, as registered; none = only the headers.
        path: PNG to write.
        mask: Mask on the reference's grid; outlined in yellow.
        title: Line above the pictures.
        trace: The swarm's best similarity after each iteration; drawn below the pictures.

    Returns:
        The path written.
    """
    path = Path(path)
    region = None
    if mask is not None:
        check_same_grid(mask, reference)
        region = mask_from_image(mask)
    fixed = _grey(values_of(reference))
    moved = [_grey(values_of(resample_image(moving, reference, t))) for t in (None, transform)]
    centre = _centre(region, fixed.shape)
    spacing_zyx = np.array(reference.GetSpacing())[::-1]
    directions = np.array(reference.GetDirection()).reshape(3, 3)

    cuts = [_cut_extent(plane, fixed.shape, spacing_zyx) for plane in range(3)]
    widths = [extent[1] for extent in cuts] * 2
    heights = [max(extent[0] for extent in cuts)] * 2
    width_in = 15.0
    height_in = width_in * sum(heights) / sum(widths) + 1.0
    if trace:
        heights.append(0.3 * heights[0])
        height_in += 1.5
    figure = Figure(figsize=(width_in, height_in), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(heights), 6, width_ratios=widths, height_ratios=heights)
    axes = np.array([[figure.add_subplot(grid[row, column]) for column in range(6)] for row in range(2)])
    if trace:
        _draw_trace(figure.add_subplot(grid[2, :]), trace)
    for when, name in enumerate(("before", "after")):
        for plane, plane_name in enumerate(PLANES):
            a, b = (_cut(v, plane, centre, directions) for v in (fixed, moved[when]))
            outline = None if region is None else _cut(region, plane, centre, directions)
            mm = _pixel_mm(plane, spacing_zyx)
            tile = [max(1, round(TILE_MM / size)) for size in mm]
            for row, picture in enumerate((_checkerboard(a, b, tile), np.stack([a, b, a], axis=-1))):
                panel = axes[row, 3 * when + plane]
                panel.imshow(picture, cmap="gray", vmin=0, vmax=1, aspect=mm[0] / mm[1])
                if outline is not None and outline.any():
                    panel.contour(outline, levels=[0.5], colors="yellow", linewidths=0.7)
                panel.set_axis_off()
            axes[0, 3 * when + plane].set_title(f"{name}, {plane_name}", color="white", fontsize=10)
    if title:
        figure.suptitle(title, color="white", fontsize=12)
    beside = path.with_name(f".{path.name}.part")
    figure.savefig(beside, dpi=100, format="png", facecolor="black")
    beside.replace(path)
    return path


def _draw_trace(panel: Axes, trace: Sequence[float]) -> None:
    """Draw how the whole-volume search went."""
    panel.plot(range(len(trace)), trace, color="white", marker=".")
    panel.set_facecolor("black")
    panel.set_xlabel("iteration of the swarm (the whole body, top layer)", color="white", fontsize=9)
    panel.set_ylabel("best similarity", color="white", fontsize=9)
    panel.ticklabel_format(useOffset=False)
    panel.tick_params(colors="white", labelsize=8)
    for side in panel.spines.values():
        side.set_color("grey")


def _grey(values: NDArray) -> NDArray[np.float32]:
    """Map the window to 0..1."""
    low, high = WINDOW_HU
    return np.clip((values.astype(np.float32) - low) / (high - low), 0, 1)


def _centre(region: NDArray[np.bool_] | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give the slices (z, y, x) that show most of a region, or the volume's middle."""
    if region is None or not region.any():
        return tuple(n // 2 for n in shape)
    return tuple(
        int(np.argmax(region.sum(axis=tuple(other for other in range(3) if other != axis))))
        for axis in range(3)
    )


def _cut(values: NDArray, plane: int, centre: tuple[int, ...], directions: NDArray[np.float64]) -> NDArray:
    """Take one plane; head up, front up, the patient's right on the left, as radiologists look at it."""
    picture = np.take(values, centre[plane], axis=plane)
    kept = [axis for axis in range(3) if axis != plane]
    for row_or_column, axis in enumerate(kept):
        along = directions[:, 2 - axis]  # world (LPS) direction of growing index
        main = int(np.argmax(np.abs(along)))
        grows = along[main] > 0
        wanted = main != 2  # to the left and to the back along rows and columns; the head is up: turn it
        if grows != wanted:
            picture = np.flip(picture, axis=row_or_column)
    return picture


def _pixel_mm(plane: int, spacing_zyx: NDArray[np.float64]) -> tuple[float, float]:
    """Give a plane's pixel height and width."""
    height, width = (float(s) for axis, s in enumerate(spacing_zyx) if axis != plane)
    return height, width


def _cut_extent(plane: int, shape: tuple[int, ...], spacing_zyx: NDArray[np.float64]) -> tuple[float, float]:
    """Give a plane's height and width in mm."""
    height, width = (
        float(n * s) for axis, (n, s) in enumerate(zip(shape, spacing_zyx, strict=True)) if axis != plane
    )
    return height, width


def _checkerboard(a: NDArray, b: NDArray, tile: list[int]) -> NDArray:
    """Alternate fields of two pictures."""
    rows, columns = np.indices(a.shape)
    return np.where((rows // tile[0] + columns // tile[1]) % 2 == 0, a, b)
