"""What is said of masks that `predict` cannot use is what one can do there: setup's options are not to be had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import write_case

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.prediction.prepare import prepare_case


def draw(folder: Path, name: str, values: np.ndarray, shift_mm: float = 0.0) -> Path:
    grid = sitk.ReadImage(str(folder / "art.nii.gz"))
    mask = sitk.GetImageFromArray(np.resize(values, grid.GetSize()[::-1]).astype(np.uint8))
    mask.CopyInformation(grid)
    mask.SetOrigin([v + shift_mm for v in grid.GetOrigin()])
    sitk.WriteImage(mask, str(folder / f"{name}_art.nii.gz"))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_case(tmp_path / "one", phases=("art",))
    for mask in [*folder.glob("lesions*"), *folder.glob("liver*")]:
        mask.unlink()
    return folder


@pytest.mark.parametrize("organ", ["lesions", "liver"])
@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 255], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_labels_that_are_no_mask_are_told_without_options(folder: Path, labels: list, organ: str) -> None:
    with pytest.raises(InputError, match="write it as 0/1, or take the file away: prediction") as said:
        prepare_case(draw(folder, organ, np.array(labels)), ("art",))
    assert "--" not in str(said.value)


@pytest.mark.parametrize("organ", ["lesions", "liver"])
def test_a_mask_that_lies_elsewhere_may_be_taken_away(folder: Path, organ: str) -> None:
    with pytest.raises(InputError, match=r"another geometry.*, or take the file away"):
        prepare_case(draw(folder, organ, np.array([0, 1]), shift_mm=9.0), ("art",))


def test_slicers_segments_are_told_without_options(folder: Path) -> None:
    draw(folder, "lesions", np.array([0, 1, 2]))
    mask = sitk.ReadImage(str(folder / "lesions_art.nii.gz"))
    (folder / "lesions_art.nii.gz").unlink()
    for number in (0, 1):
        mask.SetMetaData(f"Segment{number}_Name", f"Segment_{number}")
        mask.SetMetaData(f"Segment{number}_LabelValue", str(number + 1))
        mask.SetMetaData(f"Segment{number}_Layer", "0")
        mask.SetMetaData(f"Segment{number}_ID", f"Segment_{number}")
    sitk.WriteImage(mask, str(folder / "lesions_art.seg.nrrd"))
    with pytest.raises(InputError, match="expected one; export one alone, or take the file away") as said:
        prepare_case(folder, ("art",))
    assert "--" not in str(said.value)


def test_channels_of_nnunet_are_sent_to_its_command(tmp_path: Path) -> None:
    folder = tmp_path / "imagesTs"
    folder.mkdir()
    for n in (0, 1):
        (folder / f"S_000{n}.nii.gz").touch()
    with pytest.raises(InputError, match=r"S_0000.nii.gz names no known phase.*with nnUNetv2_predict"):
        prepare_case(folder, ("art", "pv"))
