"""What `predict` writes for a PACS: a DICOM segmentation and a report of measurements."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnunet_multiphase.dicomweb.service import Service
    from nnunet_multiphase.patients.inputs import Patient
    from nnunet_multiphase.prediction.write import CasePrediction


def add_dicom_results(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--dicom",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="write <case>_seg.dcm and <case>_sr.dcm (default: where the input is DICOM); --dicom refuses other input",
    )
    parser.add_argument(
        "--store", action="store_true", help="send them to --dicomweb, for the studies that came from there"
    )


def refuse_dicom_results(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    from nnunet_multiphase.errors import InputError

    if args.store and args.dicomweb is None:
        raise InputError("--store needs --dicomweb URL: where the results are to be stored")
    if args.store and args.dicom is False:
        raise InputError("--store stores DICOM results, and --no-dicom writes none: leave one of them out")


def dicom_results(
    args: argparse.Namespace,
    patient: Patient,
    prediction: CasePrediction,
    lesion_labels: Sequence[int],
    service: Service | None,
) -> list[str]:
    """Write a patient's DICOM results, and store them if so wanted; what failed, one sentence each."""
    from nnunet_multiphase.dicom_out.paths import remove_dicom
    from nnunet_multiphase.errors import InputError, is_ctrl_c

    remove_dicom(args.output, patient.name)
    if not patient.dicom or args.dicom is False:
        return []
    from nnunet_multiphase.patients.dicom_results import write_dicom_results

    what = "the labels and the table are written, the DICOM results are not (--no-dicom does without)"
    try:
        files = write_dicom_results(prediction, patient.dicom, lesion_labels, args.output)
        print(f"  for the PACS, with the patient's name: {', '.join(map(str, files.paths))}")
        studies = {volume.series.study for volume in patient.dicom.values()}
        if args.store and service is not None and studies & set(args.study):
            from nnunet_multiphase.dicomweb.store import store_files

            what = "all results are written, and not all stored"
            store_files(service, files.paths)
            print(f"  stored in {service.url}", flush=True)
    except Exception as error:
        if is_ctrl_c(error):
            raise KeyboardInterrupt from error
        # As for a patient: what one of them brings up must not cost those after it.
        text = " ".join(str(error).split()).removeprefix(f"case {patient.name}, ")
        if not isinstance(error, InputError | OSError):
            # What a library says of odd values may quote them.
            text = (
                f"an unexpected {type(error).__name__}: a tag of its images may be damaged; export them again"
            )
        return [f"case {patient.name}: {what}: {text}"]
    return []
