"""Which frames of a SEG show which segment, and of which images they say that they were made."""

from __future__ import annotations

import pydicom
import pytest
from dicom_phantom import lesion_mask, make_seg, phase_series
from pydicom.dataset import Dataset

from nnunet_multiphase.dicom_import.segmentation import segments
from nnunet_multiphase.errors import InputError


def test_a_derivation_that_all_frames_share_names_their_images() -> None:
    slices = phase_series("pv")
    seg = make_seg(slices, {"Mass": lesion_mask()})
    shared = Dataset()
    shared.SourceImageSequence = pydicom.Sequence(
        [
            frame.DerivationImageSequence[0].SourceImageSequence[0]
            for frame in seg.PerFrameFunctionalGroupsSequence
        ]
    )
    for frame in seg.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence
    seg.SharedFunctionalGroupsSequence[0].DerivationImageSequence = pydicom.Sequence([shared])
    (drawing,) = segments(seg)
    assert {plane.images for plane in drawing.planes} == {
        frozenset(str(part.SOPInstanceUID) for part in slices[4:7])
    }


def test_frames_of_a_segment_that_is_not_listed_are_refused() -> None:
    seg = make_seg(phase_series("pv"), {"Mass": lesion_mask(), "Liver": lesion_mask()})
    seg.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9
    with pytest.raises(InputError, match=r"holds 1 frame\(s\) of a segment that it does not list"):
        segments(seg)
