"""The cohort's page: every case, the worst first, sortable, escaped, and small enough for hundreds of cases."""

import base64
import errno
import io
import json
import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from browser import needs_browser, opened
from cohort_tables import COHORT, WORST_FIRST, line, make_dataset
from PIL import Image

from nnunet_multiphase.cli.main import build_parser
from nnunet_multiphase.cli.setup import run, write_page
from nnunet_multiphase.dataset import build as dataset_module
from nnunet_multiphase.dataset.build import DatasetSummary
from nnunet_multiphase.report.cohort_page import write_cohort_page

HOSTILE = "\"><img src=x onerror=alert(1)> &lt; 'case' #1 50%"


class Page(HTMLParser):
    """Collect a page's tags with their attributes and text, and the table's bodies."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.inside, self.bodies = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        if tag == "tbody" and "data-keys" in dict(attrs):
            self.bodies.append(len(self.tags) - 1)
        if tag not in ("img", "meta", "link", "input"):
            self.inside.append(len(self.tags) - 1)

    def handle_endtag(self, tag):
        assert self.tags[self.inside.pop()][0] == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        if data.isspace() and "\n" in data:  # between tags
            return
        for number in self.inside:
            self.texts[number] += data

    def attributes(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def words(self, tag, **wanted):
        found = zip(self.tags, self.texts, strict=True)
        return [text for (name, a), text in found if name == tag and wanted.items() <= a.items()]

    @property
    def cases(self):
        return [json.loads(self.tags[number][1]["data-keys"])[0] for number in self.bodies]

    def body(self, case):
        """Give a case's cells, the class and the text of each."""
        start = self.bodies[self.cases.index(case)]
        ends = [i for i in range(start + 1, len(self.tags)) if self.tags[i][0] in ("tbody", "script")]
        return [
            (self.tags[i][1].get("class"), self.texts[i])
            for i in range(start + 1, min(ends))
            if self.tags[i][0] in ("th", "td", "span")
        ]


def page_of(folder):
    return Page(write_cohort_page(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("cohort") / "d", COHORT, pictures=("look", "warned"))


@pytest.fixture(scope="module")
def cohort(folder):
    return page_of(folder)


def test_every_case_is_there_once_and_the_worst_first(cohort):
    assert cohort.cases == WORST_FIRST


def test_each_case_shows_its_phases_in_the_tables_order(cohort):
    phases = [text for kind, text in cohort.body("look_first") if kind == "phase"]
    assert phases == ["art", "pv"]


@pytest.mark.parametrize(
    ("case", "label"),
    [
        ("fine_2", ("label ok", "ok")),
        ("look", ("label check", "check")),
        ("wrong", ("label failed", "failed")),
        ("doubtful", ("label failed", "dropped")),
        ("broken", ("label failed", "case failed")),
        ("filled", ("label absent", "filled")),
        ("left_out", ("label absent", "missing")),
        ("left_out", ("label absent", "left out")),
    ],
)
def test_each_verdict_is_coloured_and_written(cohort, case, label):
    assert label in cohort.body(case)


def test_the_reference_phase_is_called_so_and_shows_no_motion(cohort):
    cells = cohort.body("look_first")
    reference = cells[cells.index(("phase", "pv")) :]
    assert ("label plain", "reference") in reference
    assert ("shift number", "") in reference


def test_figures_are_those_of_the_table(cohort):
    cells = cohort.body("wrong")
    assert ("similarity number", "1.100 → 1.050 -0.050") in cells
    assert ("loss", "-0.050") in cells
    assert ("shift number", "5.0") in cells
    assert ("overlap number", "90") in cells
    assert ("edges number", "0.71") in cells
    assert ("covered number", "80") in cells


def test_the_covered_share_is_shown_also_where_the_first_phase_is_absent(cohort):
    assert ("covered number", "70") in cohort.body("filled")


def test_a_patient_of_another_name_is_named(cohort):
    assert ("case", "wrongpatient filledno picture") in cohort.body("wrong")
    assert ("case", "fine_2no picture") in cohort.body("fine_2")


def test_warnings_are_said_with_their_phase_unless_all_share_them(tmp_path):
    lines = [
        line("a", warnings="odd"),
        line("a", "pv"),
        line("b", warnings="low"),
        line("b", "pv", warnings="low"),
    ]
    page = page_of(make_dataset(tmp_path / "d", lines))
    assert (None, "art: odd") in page.body("a")
    assert (None, "low") in page.body("b")


def test_the_summary_counts(cohort):
    # ok: fine_10, fine_2, warned; the reference lines are those of filled and look_first.
    (counts,) = cohort.words("p", **{"class": "counts"})
    assert counts == (
        "Phases by verdict: ok 3 check 2 failed 1 filled 1 case failed 1 dropped 1 left out 1 missing 1 reference 2"
    )
    cells = cohort.words("td")
    # warned, look, doubtful, broken; a filled phase and a case left out are no warnings.
    for name, value in (
        ("patients", "9"),  # of ten cases, two of one patient
        ("in the dataset", "8 training and 0 test cases"),
        ("not in the dataset", "1 failed, 1 left out"),
        ("cases with warnings", "4, filled phases not counted"),
        ("phases", "art (arterial), pv (portal venous)"),
    ):
        assert cells[cells.index(name) + 1] == value


def test_every_column_is_explained(cohort):
    heads = cohort.words("th", scope="col")
    assert len(heads) > 9
    assert cohort.words("dt") == [*heads, "below a case"]


def test_hostile_names_and_warnings_stay_text(tmp_path):
    lines = [line(HOSTILE, warnings="</script><script>alert(2)</script>", patient="<b>x</b>")]
    page = page_of(make_dataset(tmp_path / "d", lines, pictures=(HOSTILE,)))
    assert page.cases == [HOSTILE]
    assert [attrs["src"][:5] for attrs in page.attributes("img")] == ["data:"]
    assert page.attributes("script") == [{}]
    assert page.attributes("b") == []
    assert any(HOSTILE in text for text in page.words("th", **{"class": "case"}))
    assert any("<script>alert(2)</script>" in text for text in page.words("td"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_the_link_leads_to_the_full_picture_from_the_datasets_folder(tmp_path):
    folder = make_dataset(tmp_path / "d", [line(HOSTILE), line("b")], pictures=(HOSTILE, "b"))
    links = [a["href"] for a in page_of(folder).attributes("a") if not a["href"].startswith("#")]
    assert "registration/overview/b.png" in links
    files = sorted((folder / unquote(urlsplit(link).path)).name for link in links)
    assert files == sorted(path.name for path in (folder / "registration" / "overview").iterdir())


def test_the_page_needs_nothing_outside_the_dataset(cohort, folder):
    assert all(a["src"].startswith("data:") for a in cohort.attributes("img"))
    assert [a["href"] for a in cohort.attributes("link")] == ["data:,"]
    assert not re.search(r"@import|url\(|https?:", (folder / "cohort.html").read_text(encoding="utf-8"))


def test_a_thumbnail_is_small_whatever_the_picture_holds(tmp_path):
    folder = make_dataset(tmp_path / "d", [line("noise")])
    noise = np.random.default_rng(0).integers(0, 256, (845, 1280, 3), dtype=np.uint8)
    # Nothing compresses worse than noise; in squares of 4 pixels it is still noise in the thumbnail.
    noise = noise[::4, ::4].repeat(4, axis=0).repeat(4, axis=1)[:845]
    Image.fromarray(noise).save(folder / "registration" / "overview" / "noise.png", compress_level=1)
    (attrs,) = page_of(folder).attributes("img")
    assert attrs["src"].startswith("data:image/jpeg;base64,")
    assert len(attrs["src"]) <= 25_000
    with Image.open(io.BytesIO(base64.b64decode(attrs["src"].split(",")[1]))) as thumbnail:
        assert thumbnail.width >= 160
        # The picture's shape, to a pixel.
        assert abs(thumbnail.height - thumbnail.width * 845 / 1280) <= 1


def test_a_thumbnail_shows_the_picture(cohort):
    source = cohort.attributes("img")[0]["src"]
    with Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))) as thumbnail:
        # Magenta to a few grey values: JPEG rounds.
        assert np.abs(np.subtract(thumbnail.getpixel((30, 20)), (255, 0, 255))).max() <= 4


def test_a_missing_picture_is_said(cohort):
    assert len(cohort.attributes("img")) == 2
    assert cohort.words("small").count("no picture") == len(WORST_FIRST) - 2


def test_a_broken_picture_costs_only_its_thumbnail(tmp_path):
    folder = make_dataset(tmp_path / "d", [line("a"), line("b")], pictures=("a", "b"))
    picture = folder / "registration" / "overview" / "a.png"
    picture.write_bytes(picture.read_bytes()[:60])
    page = page_of(folder)
    assert [a["alt"] for a in page.attributes("img")] == ["overview of b, opens the full picture"]
    assert "the full picture" in page.words("small")


def test_an_old_table_shows_the_columns_it_has(tmp_path):
    folder = make_dataset(tmp_path / "d", COHORT, columns=("case", "phase", "shift_mm", "warnings"))
    page = page_of(folder)
    assert page.words("th", scope="col") == ["case", "phase", "shift mm"]
    assert page.words("dt") == ["case", "phase", "shift mm", "below a case"]
    assert sorted(page.cases) == sorted(WORST_FIRST)


def test_a_table_without_cases_is_refused_and_nothing_written(tmp_path):
    folder = make_dataset(tmp_path / "d", COHORT, columns=("phase",))
    with pytest.raises(ValueError, match=r"expected the columns case and phase, found phase"):
        write_cohort_page(folder)
    assert not list(folder.glob("cohort*"))


def test_figures_that_are_no_numbers_are_left_out(tmp_path):
    page = page_of(make_dataset(tmp_path / "d", [line("a", shift_mm="n/a", overlap=float("nan"))]))
    assert ("shift number", "") in page.body("a")
    assert ("overlap number", "") in page.body("a")


def test_the_page_does_not_depend_on_the_times(tmp_path):
    pages = [
        write_cohort_page(make_dataset(tmp_path / str(s), [line("a", seconds=s)], pictures=("a",)))
        for s in (1.0, 2.0)
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_without_script_nothing_is_offered_that_does_not_work(cohort):
    assert cohort.attributes("button") == []
    assert [a for a in cohort.attributes("p") if "hidden" in a] == [{"id": "tools", "hidden": None}]


CLICKS = """<pre id="seen"></pre><script>
  const seen = {}, heads = [...document.querySelectorAll("#cases thead th")];
  const note = name => { seen[name] = {
    cases: [...document.querySelectorAll("#cases tbody")].filter(b => !b.hidden).map(b => JSON.parse(b.dataset.keys)[0]),
    sorted: heads.filter(h => h.hasAttribute("aria-sort")).map(h => h.textContent + " " + h.getAttribute("aria-sort")),
  }; };
  const click = name => heads.find(h => h.textContent === name).querySelector("button").click();
  note("as it came");
  for (const [name, column] of [["case", "case"], ["case again", "case"], ["shift", "shift mm"],
      ["shift again", "shift mm"], ["verdict", "verdict"]]) { click(column); note(name); }
  const filter = document.querySelector("#tools input");
  filter.value = "CHECK mask"; filter.dispatchEvent(new Event("input")); note("filtered");
  const focus = heads.map(h => { const b = h.querySelector("button"); b.focus(); return document.activeElement === b; });
  document.getElementById("seen").textContent = JSON.stringify(
    {...seen, focus, said: document.querySelector("#tools [role=status]").textContent});
</script></body>"""


@needs_browser
def test_a_browser_sorts_and_filters_without_error_or_request(folder, cohort, tmp_path):
    clicked = tmp_path / "clicked.html"
    clicked.write_text(
        (folder / "cohort.html").read_text(encoding="utf-8").replace("</body>", CLICKS), encoding="utf-8"
    )
    dom, console, asked = opened(clicked, tmp_path)
    assert console == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    seen = json.loads(unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom)[1]))

    assert seen["as it came"] == {"cases": WORST_FIRST, "sorted": ["verdict ascending"]}
    names = sorted(WORST_FIRST)
    names[3:5] = ["fine_2", "fine_10"]  # 2 before 10
    assert seen["case"] == {"cases": names, "sorted": ["case ascending"]}
    assert seen["case again"] == {"cases": names[::-1], "sorted": ["case descending"]}
    # 70 before 9.5 before 5; equals, and those without a figure, as they came, the latter at the end both times.
    same = ["wrong", "doubtful", "look_first", "look", "fine_10"]
    assert seen["shift"]["cases"] == ["fine_2", "warned", *same, "broken", "filled", "left_out"]
    assert seen["shift"]["sorted"] == ["shift mm descending"]
    assert seen["shift again"]["cases"] == [*same, "warned", "fine_2", "broken", "filled", "left_out"]
    assert seen["verdict"] == seen["as it came"]
    assert seen["filtered"]["cases"] == ["look_first", "look"]
    assert seen["said"] == "2 of 10"
    # A button is what the keyboard reaches and Enter presses.
    assert seen["focus"] == [True] * len(cohort.words("th", scope="col"))


def test_setup_says_what_keeps_the_page_from_being_written(tmp_path, capsys):
    assert write_page(tmp_path) is None
    said = capsys.readouterr().err
    assert "cohort.html was not written" in said
    assert "dataset.json" in said
    assert "the dataset is complete" in said


def test_a_full_disk_is_not_taken_for_a_page_that_cannot_be_drawn(tmp_path, monkeypatch):
    def full(folder):
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "cohort.html"))

    monkeypatch.setattr("nnunet_multiphase.report.cohort_page.write_cohort_page", full)
    with pytest.raises(OSError, match="No space left"):
        write_page(tmp_path)


def test_setup_writes_the_page_and_names_it(tmp_path, monkeypatch, capsys):
    folder = make_dataset(tmp_path / "d", COHORT)
    made = DatasetSummary(folder, ("art", "pv"), ("fine_2",), (), 1, (), (), {}, (), (), ())
    monkeypatch.setattr(dataset_module, "build_dataset", lambda *_, finish, **__: (finish(folder), made)[1])
    arguments = ["setup", str(tmp_path), "--dataset-id", "501", "--name", "Tiny"]
    assert run(build_parser().parse_args(arguments)) == 0
    assert (folder / "cohort.html").is_file()
    assert f"look at {folder / 'cohort.html'}" in capsys.readouterr().out


@pytest.mark.parametrize("record", [{"phases": [{}, []]}, {"phases": "pv"}, {"reference_phase": ["pv"]}])
def test_a_record_of_another_form_costs_no_page(tmp_path, record):
    folder = make_dataset(tmp_path / "d", [line("a")])
    (folder / "dataset.json").write_text(json.dumps(record))
    assert page_of(folder).cases == ["a"]
