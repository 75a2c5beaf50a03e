"""Say what has to be known before a patient's numbers are believed."""

from __future__ import annotations

import unicodedata

from nnunet_multiphase.cases.case_name import MOST_BYTES
from nnunet_multiphase.measurement.ends import told_of_ends
from nnunet_multiphase.measurement.record import PatientMeasures
from nnunet_multiphase.prediction.prepare import PreparedCase, named_folder
from nnunet_multiphase.prediction.window import LEAST_DRAWN_ML, is_small


def _why_renamed(folder: str, case: str) -> str:
    plain = unicodedata.normalize("NFC", folder)
    if len(plain.encode()) <= MOST_BYTES:
        return "other characters are not safe in file names"
    kept = case.rpartition("_")[0]
    too = "" if plain.startswith(kept) else ", and so are some of its characters"
    return f"its {len(plain.encode())} bytes, more than {MOST_BYTES}, are not safe in file names{too}"


def remarks_on(prepared: PreparedCase, measures: PatientMeasures) -> tuple[str, ...]:
    """List what of the input is doubtful or was not used, and what could not be measured for it, a sentence each.

    Args:
        prepared: The case.
        measures: What was measured.
    """
    case = prepared.case
    found = [text.removeprefix(f"case {case.name}").lstrip(",: ") for text in prepared.doubts]
    folder = named_folder(case)
    if folder not in (None, case.name):
        found.append(
            f"the results of {folder} are called {case.name}: {_why_renamed(str(folder), case.name)}"
        )
    found += [
        f"the file of {phase} was passed over: it is damaged or implausible, and the model does not use that phase"
        for phase in prepared.passed_over
    ]
    usual = prepared.usual_reference
    if usual in prepared.filled:
        found.append(
            f"{usual} is lacking, the usual reference of the model's training cases: training that leaves phases out never "
            "leaves out a case's reference, so the model saw few cases like this or none; do not rely on what it finds"
        )
    if case.unused_liver is not None:
        found.append(
            f"{case.unused_liver.name} was not used: it is drawn on another phase than the reference, {case.reference}; "
            "name its phase with --reference"
        )
    if prepared.liver is not None and is_small(prepared.liver):
        found.append(
            f"the liver mask has less than {LEAST_DRAWN_ML:.0f} ml, less than a liver: it was not used to say where to look"
        )
    if measures.liver_source is None:
        found.append("no liver is known: nothing was compared with it, and no share of it is told")
    outside = [lesion for lesion in measures.lesions if lesion.outside_liver]
    if outside:
        volume_ml = sum(lesion.volume_ml for lesion in outside)
        found.append(
            f"{len(outside)} of {len(measures.lesions)} lesions ({volume_ml:.2f} ml) lie outside the liver: they are false, "
            "or the liver is incomplete"
        )
    found += told_of_ends(measures.lesions, "--everywhere looks beyond")
    return tuple(found)
