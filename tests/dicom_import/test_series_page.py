"""The page of an import's series: worst first, sortable, escaped, self-contained."""

from __future__ import annotations

import io
import json
import re
from html import unescape
from pathlib import Path

import pytest
from browser import needs_browser, opened
from PIL import Image

from nnunet_multiphase.dicom_import.series_page import SeriesRow, write_series_page


def picture(width: int = 4, height: int = 3) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (width, height), 128).save(stream, "JPEG")
    return stream.getvalue()


def row(series: str, *, may_be_phase: bool = True, pictures: bool = True, **cells: str) -> SeriesRow:
    known = {
        "patient": "patient_001",
        "case": "patient_001",
        "series": series,
        "series_number": "2",
        "phase": "pv",
        "confidence": "0.95",
        "why": "description: 'pv'",
        "use": "yes",
        "slices": "60",
        "masks": "",
        "spacing_mm": "0.80x0.80x5.00",
        "thickness_mm": "5",
        "z_from_mm": "-300.0",
        "z_to_mm": "-5.0",
        "liver_coverage": "1.00",
        "kernel": "B30f",
        "image_type": "ORIGINAL PRIMARY AXIAL",
        "agent": "iohexol",
        "after_s": "70",
        "problems": "",
    }
    shown = (picture(), picture()) if pictures else (None, None)
    return SeriesRow(
        {**known, **cells}, may_be_phase, *shown, no_picture="" if pictures else "its images are gone"
    )


ROWS = [
    row("fine", phase="nc", slices="61"),
    row(
        "scout", may_be_phase=False, pictures=False, phase="", use="no", confidence="0.00", problems="a scout"
    ),
    row("passed", use="no", confidence="0.90", problems="same phase as tie, which has thinner slices"),
    row("tie", problems="a tie: other is as good", slices="9"),
    row("unsure", phase="dl", confidence="0.55", slices="100"),
    row("partly", phase="art", case="patient_002", liver_coverage="0.40"),
    row("gap", phase="art", use="no", pictures=False, problems="missing slices: about 2 in 1 gap"),
    row("chest", phase="art", use="no", liver_coverage="0.00", problems="does not show the liver"),
]
WORST_FIRST = ["gap", "unsure", "tie", "partly", "passed", "chest", "fine", "scout"]


def page_of(rows: list[SeriesRow], folder: Path) -> str:
    return write_series_page(folder / "raw_series.html", rows).read_text(encoding="utf-8")


def series_of(page: str) -> list[str]:
    return re.findall(r"<small>(\w+), no\. 2</small>", page)


def test_the_worst_come_first(tmp_path: Path) -> None:
    assert series_of(page_of(ROWS, tmp_path)) == WORST_FIRST


def test_labels_tell_a_lost_phase_from_one_that_another_volume_stands_for(tmp_path: Path) -> None:
    labels = re.findall(r'<tbody class="(\w+)"', page_of(ROWS, tmp_path))
    assert labels == ["lost", "look", "look", "look", "passed", "passed", "used", "none"]


def test_two_pictures_a_series_or_the_reason_why_not(tmp_path: Path) -> None:
    page = page_of(ROWS, tmp_path)
    assert (
        len(re.findall(r'<img src="data:image/jpeg;base64,[^"]+" alt="(?:coronal|axial) plane of', page))
        == 12
    )
    assert page.count("no picture: its images are gone") == 2


def test_every_text_is_escaped(tmp_path: Path) -> None:
    texts = ("why", "problems", "kernel", "image_type", "agent", "masks", "case", "phase", "series")
    page = page_of([row("x", **{name: f"<script>{name}&" for name in texts if name != "series"})], tmp_path)
    page = page.rsplit("<script>", 1)[0]  # the page's own
    assert "<script>" not in page
    assert page.count("&lt;script&gt;problems&amp;") == 1


def test_the_page_says_that_it_holds_pictures_of_patients(tmp_path: Path) -> None:
    assert "pictures of patients: keep it where you keep the images" in page_of(ROWS, tmp_path)


@pytest.mark.parametrize("rows", [[], ROWS[1:2]], ids=["nothing", "a scout alone"])
def test_a_page_of_next_to_nothing_can_be_written(rows: list[SeriesRow], tmp_path: Path) -> None:
    assert len(series_of(page_of(rows, tmp_path))) == len(rows)


CLICKS = """<pre id="seen"></pre><script>
  const heads = [...document.querySelectorAll("#cases thead th")];
  const order = () => [...document.querySelectorAll("#cases tbody")].filter(b => !b.hidden)
    .map(b => b.querySelector("small").textContent.split(",")[0]);
  const seen = {"as it came": order()};
  const click = name => heads.find(h => h.textContent === name).querySelector("button").click();
  for (const column of ["slices", "use", "liver"]) { click(column); seen[column] = order(); }
  const filter = document.querySelector("#tools input");
  filter.value = "THINNER"; filter.dispatchEvent(new Event("input")); seen.filtered = order();
  document.getElementById("seen").textContent = JSON.stringify(seen);
</script></body>"""


@needs_browser
def test_a_browser_sorts_and_filters_without_error_or_request(tmp_path: Path) -> None:
    clicked = tmp_path / "clicked.html"
    clicked.write_text(page_of(ROWS, tmp_path).replace("</body>", CLICKS), encoding="utf-8")
    dom, console, asked = opened(clicked, tmp_path)
    assert console == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom)
    assert found is not None
    seen = json.loads(unescape(found[1]))
    assert seen["as it came"] == WORST_FIRST
    # 100, 61, then all of 60 as they came, then 9.
    assert seen["slices"] == ["unsure", "fine", "gap", "partly", "passed", "chest", "scout", "tie"]
    assert seen["use"] == WORST_FIRST
    assert seen["liver"][:2] == ["chest", "partly"]
    assert seen["filtered"] == ["passed"]
