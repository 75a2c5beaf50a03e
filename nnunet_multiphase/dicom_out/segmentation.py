"""Write lesions as a DICOM segmentation (SEG, PS3.3 A.51): binary, one segment a lesion, on the source's own images."""

from __future__ import annotations

from collections.abc import Mapping

import highdicom as hd
import numpy as np
import SimpleITK as sitk
from pydicom import Dataset
from pydicom.sr.codedict import codes

from nnunet_multiphase import __version__
from nnunet_multiphase.dicom_out.identity import (
    NAME,
    RESEARCH_ONLY,
    equipment,
    fixed_uid,
    plain_headers,
    settle,
)
from nnunet_multiphase.dicom_out.source import SourceSeries
from nnunet_multiphase.dicom_out.told import NOTHING, Told, clipped

SERIES_NUMBER = 9001
"""Far above scanners' numbers, so that results come last in a viewer's list."""


def segmentation(
    source: SourceSeries,
    lesions: sitk.Image,
    told: Told = NOTHING,
    of_lesions: Mapping[int, str] | None = None,
) -> Dataset:
    """Make a segmentation of the source's images.

    Args:
        source: From `read_source`, with `lesions` as its grid.
        lesions: 0 background, 1..n lesions, all of them there.
        told: What has to be known of all of it; the image's comment.
        of_lesions: Lesion -> what has to be known of it; the segment's description.

    Returns:
        A data set to be saved; frames without lesion are left out. The same input makes the same bytes.

    Raises:
        ValueError: There is no lesion (a segmentation without segments is none), or a number is lacking.
    """
    labels = sitk.GetArrayFromImage(lesions).astype(np.uint16)
    numbers = np.unique(labels[labels > 0]).tolist()
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"expected lesions numbered 1, 2, ..., found {numbers}")
    algorithm = hd.AlgorithmIdentificationSequence(
        name=NAME, family=codes.DCM.ArtificialIntelligence, version=__version__
    )
    found, of_lesions = _found(source, labels), of_lesions or {}
    instance = fixed_uid(found, repr(told), repr(sorted(of_lesions.items())))
    segments = []
    for number in numbers:
        segments.append(
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=f"Lesion {number}",
                segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
                segmented_property_type=codes.SCT.Lesion,
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=algorithm,
                tracking_uid=fixed_uid(found, f"lesion {number}"),  # the report names it, too
                tracking_id=f"Lesion {number}",
                anatomic_regions=[codes.SCT.Liver],
            )
        )
    made = hd.seg.Segmentation(
        source_images=plain_headers(source),
        pixel_array=labels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=fixed_uid(instance, "segmentation series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=fixed_uid(instance, "segmentation"),
        instance_number=1,
        content_label="LESIONS",
        content_description=RESEARCH_ONLY,
        series_description=told.series("Lesions (research only)"),
        **equipment(),
    )
    if comment := told.text():
        made.ImageComments = clipped(comment, "LT")
    for segment in made.SegmentSequence:
        if text := of_lesions.get(int(segment.SegmentNumber)):
            segment.SegmentDescription = clipped(text, "ST")
    settle(made, source.first)
    return made


def _found(source: SourceSeries, labels: np.ndarray) -> str:
    """Name what was found on what: another result on the same images is another instance."""
    uids = "\n".join(str(header.SOPInstanceUID) for header in source.headers)
    places = np.flatnonzero(labels)  # few: hashing every voxel takes a second
    marks = labels.ravel()[places]
    return fixed_uid(uids, places.astype("<i8").tobytes(), marks.astype("<u2").tobytes(), __version__)
