"""The page: escaped, self-contained, whole, and readable in a real browser."""

import re
from html.parser import HTMLParser

import pytest
from browser import needs_browser, opened
from drawn_panel import drawn_panel

from nnunet_multiphase.html.page import Figure, Section, Table, Text, write_report
from nnunet_multiphase.report.figures import training_curves
from nnunet_multiphase.report.provenance import provenance_table

pytestmark = pytest.mark.slow

NASTY = "<script>document.title='broken'</script> & \"quoted\""


@pytest.fixture(scope="module")
def panel():
    return drawn_panel()


@pytest.fixture(scope="module")
def page(tmp_path_factory, panel):
    curves = training_curves({"nnU-Net": ([0.2, -0.1], [0.3, 0.0]), "ours": ([0.9, 0.5], [0.8, 0.6])})
    sections = [
        Section("What was run", [provenance_table(command=f"demo {NASTY}", seed=7), Text(NASTY)]),
        Section("Curves", [Figure(curves, "Loss over the epochs.")]),
        Section("Case 7", [Figure(panel, f"Truth and prediction. {NASTY}", alt="case 7")]),
        Section(
            "Table", [Table(("case", "Dice", "note"), [["a", "0.50", NASTY], ["b", "-", ""]], "Caption")]
        ),
    ]
    return write_report(
        tmp_path_factory.mktemp("page") / "sub" / "report.html", title=NASTY, sections=sections
    )


class Tags(HTMLParser):
    """Collect tags with their attributes, and the text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    tags = Tags()
    tags.feed(html)
    return tags


def test_page_refers_to_nothing_outside_itself(page):
    html = page.read_text()
    links = [v for _, attrs in parsed(html).tags for k, v in attrs.items() if k in ("src", "href", "srcset")]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"@import|url\(", html)


def test_page_holds_no_script(page):
    assert "script" not in {tag for tag, _ in parsed(page.read_text()).tags}


def test_text_reads_as_it_was_given(page):
    text = "".join(parsed(page.read_text()).text)
    assert text.count(NASTY) == 6  # title twice, command, paragraph, caption, table cell


def test_every_picture_is_embedded_with_a_description(page):
    pictures = [attrs for tag, attrs in parsed(page.read_text()).tags if tag == "img"]
    assert [p["src"].split(";")[0] for p in pictures] == ["data:image/svg+xml", "data:image/png"]
    assert [p["alt"] for p in pictures] == ["Loss over the epochs.", "case 7"]


def test_only_columns_of_numbers_are_set_to_the_right(page):
    cells = [(tag, attrs.get("class")) for tag, attrs in parsed(page.read_text()).tags if tag in ("th", "td")]
    assert cells[-9:-6] == [("th", None), ("th", "number"), ("th", None)]


def test_a_ragged_table_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(ValueError, match="1 cells, its header 2"):
        write_report(
            tmp_path / "r.html", title="t", sections=[Section("s", [Table(("a", "b"), [["only one"]])])]
        )
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_unknown_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match="PNG, JPEG or SVG"):
        write_report(tmp_path / "r.html", title="t", sections=[Section("s", [Figure(b"GIF89a", "x")])])


@needs_browser
def test_a_browser_shows_the_page_without_error_or_request(page, tmp_path):
    dom, console, asked = opened(page, tmp_path)
    assert console == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    shown = parsed(dom)
    text = "".join(shown.text)
    assert text.count(NASTY) == 6
    assert "Truth and prediction." in text
    assert sum(tag == "img" for tag, _ in shown.tags) == 2


@needs_browser
def test_the_browser_check_sees_a_request_and_a_script_error(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<img src='http://picture.invalid/x.png'><script>missing()</script>")
    _, console, asked = opened(page, tmp_path)
    assert any("missing is not defined" in line for line in console)
    assert "http://picture.invalid/x.png" in asked
