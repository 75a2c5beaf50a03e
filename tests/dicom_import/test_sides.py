"""A lesion stays on its side, from the scanner's slices to the table, however the slices run through the body."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from body_phantom import ABDOMEN, SPACING_MM, body_hu
from dicom_phantom import make_series, save
from orders import ORDERS, Order, stored
from scipy import ndimage

from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.prediction import Segmented, predict_case, write
from nnunet_multiphase.table_text import read_table

pytestmark = pytest.mark.slow

RIGHT_MM, LEFT_MM = (-84.0, 4.0, -90.0), (4.0, -44.0, -52.5)
"""In the right and in the left liver of the phantom; LPS: x to the patient's left."""
RADII_MM = (20.0, 14.0)
LIVER_HU, LESION_HU = 112, 900
EVERY = 1 if os.environ.get("SOAK") else 19
"""All 48 orders take a minute; these three exchange and reverse other axes each."""


def body() -> sitk.Image:
    """Draw an abdomen with a lesion on either side, x to the left, y to the back, z to the head."""
    image = sitk.GetImageFromArray(body_hu(ABDOMEN, noise_hu=0.0).copy())
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-220.0, -160.0, ABDOMEN[0] + SPACING_MM[2] / 2))
    hu = sitk.GetArrayFromImage(image)
    z, y, x = np.indices(hu.shape)
    for centre, radius in zip((RIGHT_MM, LEFT_MM), RADII_MM, strict=True):
        cx, cy, cz = image.TransformPhysicalPointToContinuousIndex(centre)
        away = (
            ((x - cx) * SPACING_MM[0]) ** 2
            + ((y - cy) * SPACING_MM[1]) ** 2
            + ((z - cz) * SPACING_MM[2]) ** 2
        )
        hu[away < radius**2] = LESION_HU
    made = sitk.GetImageFromArray(hu)
    made.CopyInformation(image)
    return made


class ByBrightness:
    """A model that knows the liver and its lesions by their values alone."""

    record = {"phases": ["pv"], "labels": {"background": 0, "liver": 1, "lesion": 2}, "axes": "LPS"}  # noqa: RUF012
    patch_mm = (100.0, 100.0, 100.0)

    def segment(
        self, phases_hu: Sequence[np.ndarray], spacing_mm: Sequence[float], lesion_labels: Sequence[int]
    ) -> Segmented:
        (hu,) = phases_hu
        pieces, _ = ndimage.label(np.abs(hu - LIVER_HU) < 6)
        labels = (pieces == np.bincount(pieces[pieces > 0]).argmax()).astype(
            np.uint8
        )  # other organs' rims are no liver
        labels[np.abs(hu - LESION_HU) < 6] = 2
        return Segmented(labels, (labels == 2).astype(np.float32))


def as_series(image: sitk.Image) -> list:
    """Store a volume as DICOM slices along its third axis; where that is left-handed the slices run the other way."""
    row, column, across = np.array(image.GetDirection()).reshape(3, 3).T
    hu = sitk.GetArrayFromImage(image)
    origin = np.array(image.GetOrigin())
    if np.cross(row, column) @ across < 0:
        origin = origin + (len(hu) - 1) * image.GetSpacing()[2] * across
        hu = hu[::-1]
    return make_series(
        hu,
        description="portal venous",
        origin=origin,
        spacing_mm=image.GetSpacing(),
        orientation=[*row, *column],
    )


@pytest.mark.parametrize("order", ORDERS[::EVERY], ids=str)
def test_each_lesion_is_on_its_side(tmp_path: Path, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "draw_overview", lambda *_, **__: None)  # takes most of the time
    save(as_series(stored(body(), order)), tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True).table
    # What runs along the body is a reconstruction, and used only where the table says so.
    corrected = table.with_name("corrected.csv")
    (row,) = read_table(table, ["series"]).rows
    corrected.write_text(f"series,phase,use\n{row['series']},pv,yes\n")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw", series_table=corrected, compress=False)
    (case,) = summary.written
    predict_case(ByBrightness(), tmp_path / "raw" / case, tmp_path / "out", everywhere=True)
    with (tmp_path / "out" / f"{case}_lesions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["side"] for row in rows] == ["right", "left"]
    for row, centre in zip(rows, (RIGHT_MM, LEFT_MM), strict=True):
        found = [float(row[f"centre_{axis}_mm"]) for axis in "xyz"]
        assert np.abs(np.subtract(found, centre)).max() < 4  # half a voxel of 8 mm
    labels = sitk.ReadImage(str(tmp_path / "out" / f"{case}.nii.gz"))
    index = np.argwhere(sitk.GetArrayViewFromImage(labels) == 2)[:, ::-1]
    x_mm = np.array([labels.TransformIndexToPhysicalPoint(i.tolist())[0] for i in index])
    assert (
        (np.abs(x_mm - RIGHT_MM[0]) < RADII_MM[0]).sum() > (np.abs(x_mm - LEFT_MM[0]) < RADII_MM[1]).sum() > 0
    )
