"""Write lesions' measurements as a structured report: TID 1500 with a group TID 1411 a lesion (DICOM PS3.16)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import highdicom as hd
from highdicom.sr import CodeContentItem, CodedConcept, Measurement, TextContentItem
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
from nnunet_multiphase.dicom_out.segmentation import SERIES_NUMBER
from nnunet_multiphase.dicom_out.source import SourceSeries
from nnunet_multiphase.dicom_out.told import NOTHING, Told, clipped
from nnunet_multiphase.measurement.ends import told_of_ends
from nnunet_multiphase.measurement.record import Attenuation, LesionMeasures, PatientMeasures
from nnunet_multiphase.phases import PHASE_TITLES, PHASES

SCHEME = "99NNUNETMP"
"""Designator of our own codes; DICOM names the concept of a contrast phase, not the phases (PS3.16, 109058)."""

_MILLILITRE = CodedConcept("ml", "UCUM", "milliliter")


def measurement_report(
    source: SourceSeries, measures: PatientMeasures, segmentation: Dataset | None, told: Told = NOTHING
) -> Dataset:
    """Make a report of what was measured.

    Volume, long and short axis, mean and standard deviation of HU on each phase, modified by the phase. A lesion's place is
    its segment: TID 1411 has no coordinates of single measurements.

    Args:
        source: Series of the reference phase.
        measures: What was measured on it.
        segmentation: From `segmentation`, with a segment for each lesion; None where there is no lesion.
        told: What else has to be known: it stands behind the number of lesions, above all where that is 0.

    Returns:
        A data set to be saved (Comprehensive 3D SR). The same input makes the same bytes.

    Raises:
        ValueError: Segments and lesions differ.
    """
    segments = {} if segmentation is None else {int(s.SegmentNumber): s for s in segmentation.SegmentSequence}
    if sorted(segments) != sorted(lesion.id for lesion in measures.lesions):
        raise ValueError(f"expected a segment for each lesion, found {sorted(segments)}")
    headers = plain_headers(source)
    found = fixed_uid(
        *(str(header.SOPInstanceUID) for header in source.headers),
        str(segmentation.SOPInstanceUID) if segmentation is not None else "",
        repr(measures),
        repr(told),
        __version__,
    )
    groups = []
    for lesion in measures.lesions:
        assert segmentation is not None
        groups.append(_group(lesion, segments[lesion.id], segmentation, source))
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=fixed_uid("device", __version__),
        name=NAME,
        manufacturer_name=NAME,
        model_name=NAME,
        serial_number=__version__,
    )
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_device_context=hd.sr.ObserverContext(
                observer_type=codes.DCM.Device, observer_identifying_attributes=device
            )
        ),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        title=codes.DCM.ImagingMeasurementReport,
        imaging_measurements=groups or [_nothing(fixed_uid(found, "nothing"))],
        # One for all: the library tells what a series' images have in common, and the evidence lists every one.
        referenced_images=headers[:1],
    )
    report[0].ContentSequence.append(_comment(" ".join(filter(None, [_said(measures), told.text()]))))
    made = hd.sr.Comprehensive3DSR(
        evidence=[*headers, *([segmentation] if segmentation is not None else [])],
        content=report,
        series_instance_uid=fixed_uid(found, "report series"),
        series_number=SERIES_NUMBER + 1,
        sop_instance_uid=fixed_uid(found, "report"),
        instance_number=1,
        is_complete=not told.lacking,
        series_description=told.series("Lesion measurements (research only)"),
        **equipment(),
    )
    if told.lacking:
        made.CompletionFlagDescription = clipped("; ".join(told.lacking), "LO")
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = SCHEME, f"Contrast phases of {NAME}"
    scheme.CodingSchemeResponsibleOrganization = NAME
    made.CodingSchemeIdentificationSequence = [scheme]
    settle(made, source.first)
    return made


def _said(measures: PatientMeasures) -> str:
    count = len(measures.lesions)
    found = f"{count} lesion{'' if count == 1 else 's'} found"
    least = "at least " if measures.is_cut_off else ""
    volume = f", {least}{measures.burden_ml:.2f} ml together" if count else ""
    percent = measures.burden_percent
    share = f" ({percent:.1f} % of the liver)" if count and percent is not None else ""
    return f"{RESEARCH_ONLY}. {found}{volume}{share}, on the {PHASE_TITLES[measures.reference]} phase."


def _nothing(uid: str) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Make the one group (TID 1501) of a report without lesions: TID 1500 has at least one."""
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=uid, identifier="All lesions"),
        finding_type=codes.SCT.Lesion,
        finding_sites=[hd.sr.FindingSite(anatomic_location=codes.SCT.Liver)],
        algorithm_id=hd.sr.AlgorithmIdentification(name=NAME, version=__version__),
        measurements=[Measurement(name=codes.SCT.Volume, value=0.0, unit=_MILLILITRE)],
    )


def _group(
    lesion: LesionMeasures, segment: Dataset, segmentation: Dataset, source: SourceSeries
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    measurements = [
        Measurement(name=codes.SCT.Volume, value=_decimal(lesion.volume_ml), unit=_MILLILITRE),
        Measurement(name=codes.SCT.LongAxis, value=_decimal(lesion.axial.mm), unit=codes.UCUM.Millimeter),
        Measurement(
            name=codes.SCT.ShortAxis, value=_decimal(lesion.perpendicular.mm), unit=codes.UCUM.Millimeter
        ),
    ]
    for phase in (phase for phase in PHASES if phase in lesion.lesion):
        measurements += _attenuation(phase, lesion.lesion[phase])
    group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=str(segment.TrackingUID), identifier=str(segment.TrackingID)
        ),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=lesion.id,
            source_series=hd.sr.SourceSeriesForSegmentation(str(source.first.SeriesInstanceUID)),
        ),
        finding_type=codes.SCT.Lesion,
        finding_sites=[hd.sr.FindingSite(anatomic_location=codes.SCT.Liver)],
        algorithm_id=hd.sr.AlgorithmIdentification(name=NAME, version=__version__),
        measurements=measurements,
    )
    if doubts := [*told_of_ends([lesion]), *(["outside the liver"] if lesion.outside_liver else [])]:
        group[0].ContentSequence.append(_comment("; ".join(doubts)))
    return group


def _comment(text: str) -> TextContentItem:
    return TextContentItem(
        name=codes.DCM.Comment, value=text, relationship_type=hd.sr.RelationshipTypeValues.CONTAINS
    )


def _attenuation(phase: str, found: Attenuation) -> Sequence[Measurement]:
    """Give mean and standard deviation, each modified by its phase (TID 300 may be extended so)."""
    measurements = []
    for derivation, value in ((codes.SCT.Mean, found.mean_hu), (codes.SCT.StandardDeviation, found.sd_hu)):
        if not math.isfinite(value):  # nothing was measured there
            continue
        measurement = Measurement(
            name=codes.DCM.AttenuationCoefficient,
            value=_decimal(value),
            unit=codes.UCUM.HounsfieldUnit,
            derivation=derivation,
        )
        measurement[0].ContentSequence.append(
            CodeContentItem(
                name=codes.DCM.ContrastPhase,
                value=CodedConcept(phase, SCHEME, f"{PHASE_TITLES[phase]} phase"),
                relationship_type=hd.sr.RelationshipTypeValues.HAS_CONCEPT_MOD,
            )
        )
        measurements.append(measurement)
    return measurements


def _decimal(value: float) -> float:
    """Round to a millionth, which a decimal string (DS, 16 characters) holds."""
    return round(float(value), 6)
