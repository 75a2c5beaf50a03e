"""What `predict` is given: case folders, DICOM trees, loose files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nnunet_multiphase.cli.sigterm import sigterm_like_ctrl_c

if TYPE_CHECKING:
    from nnunet_multiphase.dicomweb.service import Service
    from nnunet_multiphase.patients.inputs import Given, Patient


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Declare the options beside INPUT."""
    parser.add_argument(
        "--phase",
        action="append",
        default=[],
        metavar="PHASE=FILE",
        help="a phase (nc, art, pv, dl) of a patient whose files lie loose, or the folder of a DICOM series; repeat it",
    )
    parser.add_argument("--case", metavar="NAME", help="what the patient of --phase is called")
    parser.add_argument(
        "--series-table",
        type=Path,
        metavar="FILE",
        help="OUT/imported_series.csv of an earlier run with columns phase and use corrected, for INPUT as DICOM",
    )

    parser.add_argument(
        "--join-studies",
        action="store_true",
        help="make one patient of a patient's studies of one day, such as phases under two accession numbers, in DICOM",
    )
    parser.add_argument(
        "--resample-irregular",
        action="store_true",
        help="bring tilted or unevenly spaced DICOM slices to an even grid; such a reference gets no DICOM results",
    )
    parser.add_argument(
        "--dicomweb",
        metavar="URL",
        help="root of a DICOMweb service, such as http://localhost:8042/dicom-web; ~/.netrc or DICOMWEB_TOKEN log in",
    )
    parser.add_argument(
        "--study",
        action="append",
        default=[],
        metavar="UID",
        help="StudyInstanceUID to fetch from --dicomweb, into OUT/fetched; repeat it",
    )


def given_inputs(args: argparse.Namespace) -> Given:
    """Sort what the user gave, and refuse what cannot be, before anything takes time."""
    from nnunet_multiphase.errors import InputError
    from nnunet_multiphase.patients.inputs import sort_inputs

    if bool(args.study) != (args.dicomweb is not None):
        raise InputError("--dicomweb URL and --study UID go together: where a study lies, and which")
    given = sort_inputs(
        args.inputs,
        phases=args.phase,
        case=args.case,
        studies=args.study,
        require_dicom=bool(args.dicom),
        output=args.output,
    )
    if args.series_table is not None and not given.trees and not given.studies:
        raise InputError("--series-table says what DICOM series are, and no DICOM tree is given")
    return given


def service_of(args: argparse.Namespace) -> Service | None:
    """Make ready to speak to the service, and refuse an address that is none; None: none is given."""
    if args.dicomweb is None:
        return None
    from nnunet_multiphase.dicomweb.service import connect

    return connect(args.dicomweb)


def gathered_patients(
    args: argparse.Namespace, given: Given, service: Service | None
) -> tuple[tuple[Patient, ...], list[str]]:
    """Import what is DICOM; the patients to predict, and what of the input failed."""
    from nnunet_multiphase.errors import InputError, printable
    from nnunet_multiphase.patients.inputs import gather_patients

    with sigterm_like_ctrl_c():
        gathered = gather_patients(
            given,
            args.output,
            service=service,
            series_table=args.series_table,
            resample_irregular=args.resample_irregular,
            join_studies=args.join_studies,
            say=lambda line: print(line, flush=True),
        )
    for remark in gathered.remarks:
        print(f"warning: {printable(remark)}", file=sys.stderr)
    if not gathered.patients and not gathered.failures:
        raise InputError("none of the input can be predicted: it holds no CT images")
    return gathered.patients, list(gathered.failures)
