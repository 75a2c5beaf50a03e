"""The list of predicted patients: one line each, the doubtful first, and what is no patient is left out."""

import json
import re
from argparse import Namespace
from html import unescape

import pytest
from browser import needs_browser, opened
from patient_cases import patient

from nnunet_multiphase.cli.pages import page_writer, write_index
from nnunet_multiphase.measurement.table import write_measures_json
from nnunet_multiphase.report import patient_page
from nnunet_multiphase.report.patient_index import write_patient_index

HOSTILE = "'><script>alert(1)<"


def add(folder, name, verdict="ok", *, warnings=(), page=True, **measured):
    """Write a patient's measures as prediction does, and an empty page."""
    prediction, *_ = patient(folder, name=name)
    more = {"verdicts": {"art": verdict}, "phases_lacking": [], "warnings": list(warnings), "accepted": []}
    path = write_measures_json(prediction.measures, folder / f"{name}_lesions.json", more)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | measured), encoding="utf-8")
    if page:
        (folder / f"{name}.html").touch()


def listed(html):
    """Give each patient's cells as text."""
    bodies = re.findall(r'<tbody class="\w+" data-keys=.*?</tbody>', html, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", body, re.DOTALL) for body in bodies]
    return [[unescape(re.sub(r"<.*?>", "", cell)) for cell in row] for row in cells]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    add(folder, "fine_2")
    add(folder, "lost", "failed", warnings=["art: registration failed: far off"], burden_ml=9.5)
    add(folder, "look", "check", page=False)
    add(folder, "fine_10", burden_ml=0.5, burden_percent=None)
    (folder / "cut_off_lesions.json").write_text('{"case": "cut')
    (folder / "other_lesions.json").write_text("[1]")
    (folder / "deep_lesions.json").write_text("[" * 100_000)
    add(folder, "beyond_numbers", burden_ml=10**400)
    write_patient_index(folder)
    return folder


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_doubtful_come_first_then_the_names(html):
    assert [row[0] for row in listed(html)] == ["lost", "look", "fine_10", "fine_2"]


def test_each_line_tells_what_was_measured(html):
    # 100 voxels of 45 cubic mm in two lesions, of a liver of 150 ml; 25.6 mm as on the page.
    assert listed(html)[3] == ["fine_2", "2", "25.6", "4.50", "3.0", "ok", ""]
    assert listed(html)[0][5:] == ["failed", "art: registration failed: far off"]
    assert listed(html)[2][3:5] == ["0.50", ""]


def test_a_patient_is_linked_where_it_has_a_page(html):
    assert re.findall(r'<th scope="row".*?>(<a href="(.*?)">)?', html) == [
        ('<a href="lost.html">', "lost.html"),
        ("", ""),
        ('<a href="fine_10.html">', "fine_10.html"),
        ('<a href="fine_2.html">', "fine_2.html"),
    ]


def test_the_purpose_stands_on_top(html):
    assert '<p class="lead">For research only, not a medical device.</p>' in html


def test_hostile_names_stay_text(tmp_path):
    add(tmp_path, HOSTILE, warnings=[HOSTILE])
    html = write_patient_index(tmp_path).read_text(encoding="utf-8")
    assert (listed(html)[0][0], listed(html)[0][6]) == (HOSTILE, HOSTILE)
    assert "<script>alert" not in html
    assert f'href="{"%27%3E%3Cscript%3Ealert%281%29%3C"}.html"' in html


def test_the_list_does_not_depend_on_when_the_files_came(folder, html, tmp_path):
    for path in sorted(folder.glob("*"), reverse=True):
        if path.is_file() and path.name != "index.html":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert write_patient_index(tmp_path).read_text(encoding="utf-8") == html


def test_patients_of_two_models_or_other_lesion_labels_are_told_apart(tmp_path):
    add(tmp_path, "one", model={"name": "m"}, lesion_labels=[2])
    add(tmp_path, "two", model={"name": "m", "runtime": "onnx"}, lesion_labels=[2])
    add(tmp_path, "old")
    assert "alike" not in write_patient_index(tmp_path).read_text(encoding="utf-8")
    add(tmp_path, "three", model={"name": HOSTILE}, lesion_labels=[1, 2])
    html = write_patient_index(tmp_path).read_text(encoding="utf-8")
    assert "one, two by name m, lesion labels 2" in html
    assert "<script>alert" not in html


def options(output, *, page=True):
    return Namespace(output=output, page=page)


def test_a_page_that_fails_costs_the_page_alone(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ValueError("no\nroom")

    monkeypatch.setattr(patient_page, "write_patient_page", broken)
    failures = []
    page_writer(options(tmp_path), (1,), failures)(*patient(tmp_path))
    assert failures == ["case a: the labels and the table are written, the page is not: ValueError: no room"]


def test_without_a_page_an_earlier_one_does_not_stay(tmp_path):
    (tmp_path / "a.html").touch()
    page_writer(options(tmp_path, page=False), (1,), [])(*patient(tmp_path))
    write_index(options(tmp_path, page=False), [])
    assert not list(tmp_path.glob("*.html"))


def test_a_case_called_index_is_refused_a_page(tmp_path):
    failures = []
    page_writer(options(tmp_path), (1,), failures)(*patient(tmp_path, name="index"))
    assert "index.html is the list of all patients; give the case another name" in failures[0]
    assert not (tmp_path / "index.html").exists()


CLICK = """<pre id="seen"></pre><script>
  const cases = () => [...document.querySelectorAll("#cases tbody th")].map(cell => cell.textContent);
  const head = [...document.querySelectorAll("#cases thead th")].find(h => h.textContent === "burden ml");
  head.querySelector("button").click();
  document.getElementById("seen").textContent = JSON.stringify(cases());
</script></body>"""


@needs_browser
def test_a_browser_sorts_the_list(html, tmp_path):
    clicked = tmp_path / "clicked.html"
    clicked.write_text(html.replace("</body>", CLICK), encoding="utf-8")
    dom, console, _ = opened(clicked, tmp_path)
    assert console == []
    order = json.loads(unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom)[1]))
    assert order == ["lost", "look", "fine_2", "fine_10"]
