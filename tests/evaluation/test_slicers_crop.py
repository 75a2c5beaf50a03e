"""A case folder whose masks Slicer wrote, cut to what is drawn: scored where they were cut from, as setup reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_folders
from nnunet_multiphase.evaluation.label_choice import LabelOptions


def labels(box: tuple[slice, slice, slice] | None = None, value: int = 1) -> sitk.Image:
    """Labels on an oblique grid of (12, 10, 8) voxels."""
    values = np.zeros((8, 10, 12), np.uint8)
    if box is not None:
        values[box] = value
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.0, 1.5, 3.0))
    image.SetOrigin((-20.0, 7.0, 300.0))
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.1, 0.2, -0.1).GetMatrix())
    return image


TUMOUR = (slice(2, 5), slice(3, 7), slice(4, 9))


def cropped(image: sitk.Image, path: Path, value: int, **more: str) -> None:
    crop = image[3:10, 2:8, 1:6]
    crop.SetMetaData("Segment0_Name", "tumor")
    crop.SetMetaData("Segment0_LabelValue", str(value))
    crop.SetMetaData("Segment0_Layer", "0")
    for key, text in more.items():
        crop.SetMetaData(key, text)
    sitk.WriteImage(crop, str(path), True)


@pytest.mark.parametrize("value", [1, 3])
def test_a_cropped_mask_is_scored_where_it_was_cut_from(tmp_path: Path, value: int) -> None:
    case, predictions = tmp_path / "raw" / "one", tmp_path / "predictions"
    case.mkdir(parents=True)
    predictions.mkdir()
    sitk.WriteImage(sitk.Cast(labels(), sitk.sitkInt16), str(case / "pv.nii.gz"))
    cropped(labels(TUMOUR, value), case / "lesions_pv.seg.nrrd", value)
    half = (slice(2, 5), slice(3, 7), slice(4, 8))
    sitk.WriteImage(labels(half), str(predictions / "one.nii.gz"))
    (score,) = evaluate_folders(predictions, tmp_path / "raw", options=LabelOptions()).cases
    assert score.dice == pytest.approx(2 * 48 / (48 + 60))
    assert score.truth_ml == pytest.approx(60 * 4.5 / 1000)


def test_a_mask_of_another_volume_is_refused(tmp_path: Path) -> None:
    case, predictions = tmp_path / "raw" / "one", tmp_path / "predictions"
    case.mkdir(parents=True)
    predictions.mkdir()
    other = sitk.Cast(labels(), sitk.sitkInt16)
    other.SetOrigin((-20.0, 7.0, 301.7))
    sitk.WriteImage(other, str(case / "pv.nii.gz"))
    cropped(labels(TUMOUR), case / "lesions_pv.seg.nrrd", 1)
    sitk.WriteImage(labels(TUMOUR), str(predictions / "one.nii.gz"))
    with pytest.raises(
        InputError, match=r"case one: .*lesions_pv.seg.nrrd has another geometry than pv.nii.gz"
    ):
        evaluate_folders(predictions, tmp_path / "raw")
