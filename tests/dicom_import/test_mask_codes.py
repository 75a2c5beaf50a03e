"""What coded terms and interpreted types say of a mask beside its label."""

from __future__ import annotations

import highdicom as hd
import pydicom
import pytest
from dicom_phantom import lesion_mask, make_rtstruct, make_seg, phase_series
from pydicom.sr.codedict import codes

from nnunet_multiphase.dicom_import.rtstruct import regions
from nnunet_multiphase.dicom_import.segmentation import segments


def coded(
    label: str, kind: tuple[str, str] = ("85756007", "Tissue"), region: tuple[str, str] | None = None
) -> str | None:
    """Read a segment with coded terms (value, meaning)."""
    seg = make_seg(phase_series("pv"), {label: lesion_mask()})
    segment = seg.SegmentSequence[0]
    segment.SegmentedPropertyTypeCodeSequence = [hd.sr.CodedConcept(kind[0], "SCT", kind[1])]
    if region:
        segment.AnatomicRegionSequence = [hd.sr.CodedConcept(region[0], "SCT", region[1])]
    return segments(seg)[0].reading.kind


def test_coded_terms_say_what_a_label_does_not() -> None:
    mass, liver = ("4147007", "Mass"), ("10200004", "Liver")
    assert coded("Segment_1", mass, liver) == "lesions"
    assert coded("Segment_1", liver) == "liver"
    assert coded("Segment_1") is None
    assert coded("Tumor", mass, ("64033007", "Kidney")) is None
    assert coded("Tumor", mass, ("113345001", "Abdomen")) == "lesions"
    assert coded("Tumor", liver) is None
    assert coded("Liver-GTV", mass, liver) is None
    assert coded("Mass", ("108369006", "Neoplasm")) == "lesions"
    assert codes.SCT.Liver.value == "10200004"


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("1", "GTV", "lesions"),
        ("Tumor", "PTV", None),
        ("Tumor", "ORGAN", "lesions"),
        ("GTV", "", "lesions"),
        ("Liver", "AVOIDANCE", None),
    ],
)
def test_interpreted_type_counts_beside_a_regions_name(name: str, kind: str, expected: str | None) -> None:
    structure = make_rtstruct(phase_series("pv"), {name: []})
    seen = pydicom.Dataset()
    seen.ReferencedROINumber, seen.RTROIInterpretedType = 1, kind
    structure.RTROIObservationsSequence = [seen]
    assert regions(structure)[0].reading.kind == expected
