"""Spoilt tables that a user corrects or keeps beside the data: series, masks, words, patients, pseudonyms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutations
from mutations import Rng

from nnunet_multiphase.cases.patient_table import read_patients
from nnunet_multiphase.dicom_import.mask_table import read_mask_table
from nnunet_multiphase.dicom_import.own_words import read_own_words
from nnunet_multiphase.dicom_import.pseudonyms import read_pseudonyms, write_pseudonyms
from nnunet_multiphase.dicom_import.series_table import read_corrections
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.phases import PHASES

TABLES: tuple[tuple[str, bytes, Callable[[Path], Any]], ...] = (
    (
        "series.csv",
        b"series,phase,use,why\r\ns0a1,art,yes,\r\ns0a2,pv,yes,\r\ns0a3,,no,\r\n",
        read_corrections,
    ),
    ("masks.csv", b"mask,taken_as,series\r\nm1,lesions,s0a1\r\nm2,liver,\r\nm3,no,\r\n", read_mask_table),
    ("words.csv", b"meaning,word\nart,AP\npv,porto*\nlesions,Herd\nderived,fused\n", read_own_words),
    ("patients.csv", b"case,patient\none,A\ntwo,A\nthree,B\n", read_patients),
    (
        "key.csv",
        b"pseudonym,PatientID,case,StudyInstanceUID\r\npatient_001,007,patient_001,1.2.3\r\npatient_002,'=1,patient_002,1.4\r\n",
        read_pseudonyms,
    ),
)


def user_tables(folder: Path, rng: Rng) -> None:
    """Read one of each, spoilt."""
    problems: list[str] = []
    for name, content, read in TABLES:
        path = folder / name
        path.write_bytes(mutations.text(content, rng))
        try:
            found = read(path)
        except CohortError as error:
            problems += error.problems
            continue
        except InputError as error:
            problems.append(str(error))
            continue
        if name == "series.csv":
            assert all(one.phase in (*PHASES, "") for one in found.values()), found
        if name == "patients.csv":
            assert all(found), found
            assert all(found.values()), found
        if name == "key.csv":  # who was known is known again
            write_pseudonyms(folder / "again.csv", found)
            assert read_pseudonyms(folder / "again.csv") == found
    if problems:
        raise CohortError(problems)
