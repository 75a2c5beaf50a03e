"""A mask that moves to another phase's grid: what the end of its scan cuts off."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import AlignedPhases
from nnunet_multiphase.alignment.moved_mask import bring_mask
from nnunet_multiphase.alignment.quality import measure_phase
from nnunet_multiphase.errors import InputError


def drawn() -> sitk.Image:
    """Two lesions: 10 slices long, and 4 slices long further below."""
    mask = np.zeros((40, 20, 20), np.uint8)
    mask[20:30, 5:10, 5:10] = 1
    mask[8:12, 12:16, 12:16] = 1
    image = sitk.GetImageFromArray(mask)
    image.SetSpacing((2.0, 2.0, 2.0))
    return image


def brought(slices: int, moved_mm: float = 0.0) -> tuple[sitk.Image, str]:
    """Bring it to a scan of the first slices; a motion along z."""
    mask = drawn()
    transform = sitk.TranslationTransform(3, (0.0, 0.0, moved_mm))
    return bring_mask(mask, mask[:, :, :slices], transform, "case one: lesions drawn on pv", "art")


@pytest.mark.parametrize("slices", [40, 31, 30])
def test_a_lesion_within_the_scan_stays_whole(slices: int) -> None:
    mask, told = brought(slices)
    assert told == ""
    assert int(sitk.GetArrayFromImage(mask).sum()) == int(sitk.GetArrayFromImage(drawn()).sum())


def test_what_the_scans_end_cuts_off_is_told() -> None:
    mask, told = brought(28)
    assert told == "art's scan ends amid 1 of 2 lesions: 2.00 ml to 1.60 ml are left"
    assert int(sitk.GetArrayFromImage(mask).sum()) == 8 * 25 + 4 * 16


def test_it_is_told_by_where_the_lesion_comes_to_lie() -> None:
    assert brought(28, moved_mm=4.0)[1] == ""
    assert "2.00 ml to 1.20 ml" in brought(30, moved_mm=-8.0)[1]


def test_less_than_half_of_a_lesion_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"art's scan ends amid 1 of 2 .*2.00 ml to 0.80 ml.*choose the masks' phase"
    ):
        brought(24)


def test_a_lesion_that_is_lost_is_refused() -> None:
    with pytest.raises(InputError, match=r"lesions drawn on pv: 1 of 2 are lost on art's grid"):
        brought(18)


def test_small_lesions_may_lose_what_coarse_voxels_take() -> None:
    """Only the end of the scan cuts: nearest neighbours on thick slices take more than that of a small lesion."""
    mask = drawn()
    coarse = sitk.Image((20, 20, 12), sitk.sitkUInt8)
    coarse.SetSpacing((2.0, 2.0, 7.0))
    moved, told = bring_mask(mask, coarse, sitk.Transform(), "case one: lesions drawn on pv", "art")
    assert told == ""
    counts = [
        sitk.GetArrayFromImage(image)[:, 12:16, 12:16].sum() * dz for image, dz in ((mask, 2), (moved, 7))
    ]
    assert counts[1] < 0.95 * counts[0]


def test_the_quality_table_says_so() -> None:
    images = {phase: sitk.Image((4, 4, 4), sitk.sitkInt16) for phase in ("art", "pv")}
    result = SimpleNamespace(
        rigid=sitk.Euler3DTransform(),
        verdict="ok",
        reasons=(),
        similarity_before=0.1,
        similarity_after=0.2,
        region="body",
        overlap=1.0,
        expected_error_mm=1.0,
        evidence=SimpleNamespace(edge_agreement=None),
        deformation=None,
        seconds=1.0,
    )
    transforms = {phase: sitk.Euler3DTransform() for phase in images}
    aligned = AlignedPhases("art", images, transforms, {"pv": result}, ((0, 0, 0), (4, 4, 4)), (4, 4, 4), 1.0)  # type: ignore[dict-item]
    aligned = replace(aligned, cut_masks={"pv": "art's scan ends amid 1 of 2 lesions"})

    def warnings(phase: str) -> str:
        return measure_phase(
            aligned, phase, case="one", patient="one", split="train", centre_mm=np.zeros(3)
        ).warnings

    assert "art's scan ends amid 1 of 2 lesions" in warnings("pv")
    assert "scan ends" not in warnings("art")
