"""Write a case's DICOM results beside its other ones: both or none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk
from pydicom import Dataset

from nnunet_multiphase.dicom_out.paths import dicom_paths, remove_dicom
from nnunet_multiphase.dicom_out.report import measurement_report
from nnunet_multiphase.dicom_out.segmentation import segmentation
from nnunet_multiphase.dicom_out.source import read_source
from nnunet_multiphase.dicom_out.told import NOTHING, Told
from nnunet_multiphase.measurement.ends import told_of_ends
from nnunet_multiphase.measurement.record import PatientMeasures
from nnunet_multiphase.whole_file import naming, private


@dataclass(frozen=True)
class DicomFiles:
    """Where the results lie.

    Attributes:
        segmentation: None where there is no lesion: a DICOM segmentation has at least one segment.
        report: Tells also that there is none.
    """

    segmentation: Path | None
    report: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """List the files that are there, the segmentation first, as the report refers to it."""
        return (self.report,) if self.segmentation is None else (self.segmentation, self.report)


def write_dicom(
    files: Sequence[Path],
    lesions: sitk.Image,
    measures: PatientMeasures,
    output: Path,
    *,
    told: Told = NOTHING,
) -> DicomFiles:
    """Write <case>_seg.dcm and <case>_sr.dcm, readable by their owner alone: they name the patient.

    Args:
        files: Images of the reference phase's series, one a plane of `lesions`.
        lesions: On the reference phase's original grid: 0 background, 1..n as `measures` counts them.
        measures: Of that case.
        output: Folder.
        told: What has to be known beside the numbers.

    Raises:
        InputError: The images are not those of the grid.
    """
    what = f"case {measures.case}, {measures.reference}"
    with warnings.catch_warnings():
        # pydicom and highdicom warn of odd values by quoting them, names too.
        warnings.simplefilter("ignore")
        source = read_source(files, lesions, what)
        cut_off = {lesion.id: "; ".join(told_of_ends([lesion])) for lesion in measures.lesions}
        seg = segmentation(source, lesions, told, cut_off) if measures.lesions else None
        report = measurement_report(source, measures, seg, told)
        seg_path, report_path = dicom_paths(output, measures.case)
        remove_dicom(output, measures.case)
        made = [(report, report_path), *([(seg, seg_path)] if seg is not None else [])]
        partial = {path: path.with_name(f".{path.name}.partial") for _, path in made}
        try:
            for item, path in made:
                _save(item, partial[path])
            for path, beside in partial.items():
                beside.replace(path)
        except BaseException:
            remove_dicom(output, measures.case)
            raise
        finally:
            for beside in partial.values():
                beside.unlink(missing_ok=True)
    return DicomFiles(seg_path if seg is not None else None, report_path)


def _save(item: Dataset, path: Path) -> None:
    with naming(path), private(path, "wb") as stream:
        item.save_as(stream, enforce_file_format=True)
