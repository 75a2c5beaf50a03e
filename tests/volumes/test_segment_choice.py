"""Which segments of a file that 3D Slicer wrote a mask means, and voxels that belong to none of them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.volumes.segment_file import Segment, choose_segments, unlisted_values

TUMOUR, LIVER = Segment("tumour", 1), Segment("Liver", 2)


@pytest.mark.parametrize(
    ("segments", "organ", "chosen"),
    [
        ([TUMOUR, LIVER], "lesions", [TUMOUR]),
        ([Segment("liver", 1), Segment("HCC", 2)], "liver", [Segment("liver", 1)]),
        ([TUMOUR, Segment("Liver", 1, 1)], "lesions", [TUMOUR]),  # one number in two layers
        ([TUMOUR, Segment("Liver", 1, 1)], "liver", [Segment("Liver", 1, 1)]),
        (
            [Segment("HCC 1", 1), Segment("HCC 2", 1, 1)],
            "lesions",
            [Segment("HCC 1", 1), Segment("HCC 2", 1, 1)],
        ),
    ],
)
def test_segments_called_lesions_and_liver_need_no_option(
    segments: list[Segment], organ: str, chosen: list[Segment]
) -> None:
    assert choose_segments(segments, (1,), organ) == (chosen, "")


@pytest.mark.parametrize(
    "segments",
    [
        [TUMOUR, Segment("Segment_2", 2)],
        [Segment("Segment_1", 1), LIVER],
        [Segment("tumour 1", 1), Segment("tumour 2", 2)],
        [Segment("liver", 1), Segment("tumour", 2)],
    ],
)
def test_other_segments_are_asked_about_with_an_option_that_helps(segments: list[Segment]) -> None:
    chosen, unclear = choose_segments(segments, (1,), "lesions")
    assert chosen == []
    assert "say which of them with --lesion-labels (1 by itself counts as not said)" in unclear


def test_no_option_is_named_where_segments_share_a_number() -> None:
    _, unclear = choose_segments([Segment("a", 1), Segment("b", 1, 1)], (1,), "lesions")
    assert unclear == "holds the segments 1 a, 1 b: expected one; export one alone"


def test_values_that_no_segment_has_are_found_layer_by_layer() -> None:
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0], labels[1, 1] = 1, 5
    image = sitk.GetImageFromArray(labels)
    assert unlisted_values(image, [TUMOUR]) == [5]
    assert unlisted_values(image, [TUMOUR, Segment("second", 5, 3)]) == []
    layers = sitk.Compose(image, image)
    assert unlisted_values(layers, [TUMOUR, Segment("second", 5), Segment("Liver", 1, 1)]) == [5]
