"""Pages made of spoilt records: whatever a cell or a value says, it is text on the page and nothing else."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import mutations
from mutations import Rng

from nnunet_multiphase.alignment.quality import PhaseQuality, write_quality
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.measurement.record import Diameter, LesionMeasures, PatientMeasures
from nnunet_multiphase.measurement.table import write_measures_json
from nnunet_multiphase.report.cohort_page import write_cohort_page
from nnunet_multiphase.report.patient_index import write_patient_index


def pages(folder: Path, rng: Rng) -> None:
    """Write the cohort's page of a spoilt table, and the patients' list of spoilt measures."""
    quality, record, measures = records(folder / "clean")
    place = folder / "spoilt"
    place.mkdir()
    (place / "quality.csv").write_bytes(mutations.text(quality, rng))
    (place / "dataset.json").write_bytes(mutations.json_text(record, rng) if rng.random() < 0.5 else record)
    for name in ("a", "b"):
        spoilt = mutations.json_text(measures, rng) if rng.random() < 0.8 else measures
        (place / f"{name}_lesions.json").write_bytes(spoilt)
    failed = {mutations.TEXTS[int(rng.integers(len(mutations.TEXTS)))]: mutations.TEXTS[7]}
    look_at(write_patient_index(place, failed))
    try:
        look_at(write_cohort_page(place))
    except ValueError as error:  # `setup` says so, and keeps the dataset
        raise InputError(str(error)) from error


@cache
def records(folder: Path) -> tuple[bytes, bytes, bytes]:
    """Make a quality table, a dataset's record and a patient's measures as they are written."""
    folder.mkdir()
    rows = [
        PhaseQuality(
            "p1", "A", "train", "pv", "art", "present", 0.4, 0.6, "ok", "liver", "no", 0.9, 1.5, 0.8, 3.0, 1.0
        ),
        PhaseQuality(
            "p1", "A", "train", "pv", "pv", "present", covered_fraction=0.9, warnings="art: far off"
        ),
        PhaseQuality("p2", "B", "failed", "pv", "dl", "missing", warnings="cut off"),
    ]
    write_quality(rows, folder / "quality.csv")
    record = {"name": "x", "phases": ["art", "pv", "dl"], "reference_phase": {"p1": "pv"}}
    none = Diameter(9.0, ((0.0, 0.0, 0.0), (9.0, 0.0, 0.0)))
    lesion = LesionMeasures(1, 0.5, none, none, none, (1.0, 2.0, 3.0))
    more = {
        "verdicts": {"art": "ok"},
        "phases_lacking": ["nc"],
        "warnings": ["w"],
        "remarks": ["r"],
        "accepted": [],
    }
    path = write_measures_json(PatientMeasures("p1", "pv", (lesion,)), folder / "p1_lesions.json", more)
    return (folder / "quality.csv").read_bytes(), json.dumps(record).encode(), path.read_bytes()


KNOWN = re.compile(
    r"html|head|meta|title|style|link|body|header|main|footer|nav|section|h[1-3]|p|a|div|span|small|b|ul|li|dl|dt|dd|table|caption|"
    r"thead|tbody|t[rhd]|code|pre|input|label|button|img|figure|figcaption|details|summary|script"
)
"""Tags that pages of ours have."""


class Page(HTMLParser):
    """Collect what a browser would follow or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Refuse what no page of ours has."""
        assert KNOWN.fullmatch(tag), f"<{tag}>"
        self.scripts += tag == "script"
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "srcdoc", "action") or str(value).startswith(
                ("data:", "registration/")
            ), (tag, value)
            if name == "href":
                assert (
                    not str(value).lower().lstrip().startswith(("javascript:", "http", "//", "data:text"))
                ), value


def look_at(path: Path) -> None:
    """Make sure that a page is HTML of ours alone."""
    page = Page(path.read_text(encoding="utf-8"))
    assert page.scripts <= 1, "a script that is not the page's own"
