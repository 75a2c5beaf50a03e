"""A patient's page: what to know stands first, each lesion on each phase, all slices, and nothing from outside."""

import base64
import io
import json
import re
from dataclasses import replace
from html import unescape

import numpy as np
import patient_cases
import pytest
import SimpleITK as sitk
from browser import needs_browser, opened
from patient_cases import FIRST_SLICE, FULL_SLICES, HU, lesions, patient, result
from PIL import Image

from nnunet_multiphase.models.identity import Identity
from nnunet_multiphase.prediction.window import Window
from nnunet_multiphase.report.patient_page import write_patient_page
from nnunet_multiphase.report.slice_viewer import slice_viewer

HOSTILE = "\"><img src=x onerror=alert(1)> &lt; 'case' #1 <b>"


def page_of(folder, **options):
    made = patient(folder, **options)
    return write_patient_page(*made, folder / "page.html").read_text(encoding="utf-8")


def text_of(html):
    """Give what a reader reads: no tags, no scripts, no entities."""
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    html = re.sub(r"</?(b|small)>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def slices_of(html):
    return json.loads(re.search(r'<script type="application/json" id="slices">(.*?)</script>', html)[1])


def warned(html):
    """List the warnings with their kind, as they stand."""
    found = re.findall(r'<li class="(\w+)">(.*?)</li>', html)
    return [(kind, text_of(item)) for kind, item in found]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return page_of(tmp_path_factory.mktemp("page"))


def test_the_purpose_stands_below_the_title(page):
    assert re.search(
        r"<h1>a: liver lesions on 3 phases</h1>\s*<p class=\"lead\">For research only, not a medical", page
    )


def test_the_model_is_named(tmp_path):
    prediction, *made = patient(tmp_path)
    model = Identity(HOSTILE, None, "T", None, "checkpoint_best.pth", ("0", "2"), False, 0.5, "torch")
    page = write_patient_page(replace(prediction, model=model), *made, tmp_path / "page.html").read_text(
        "utf-8"
    )
    assert f"The model is {HOSTILE} (T), folds 0, 2, checkpoint_best.pth, without mirroring" in text_of(page)
    assert "<img src=x" not in page


def test_warnings_come_before_all_numbers(page):
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == ["Warnings", "In short", "Lesions", "Table", "Registration", "Slices"]


def test_a_lesion_that_is_cut_off_says_so_on_its_card_and_in_its_row(tmp_path, page):
    mask = lesions()
    mask[0:4, 20:24, 20:24] = 1
    html = page_of(tmp_path, mask=mask)
    assert "mm reaches the end of the volume: volume and diameters are lower bounds" in text_of(html)
    assert html.count("lower bounds</b>") == 1
    assert re.search(r"<t[hd]>cut off by</t[hd]>", html)
    assert "lesions, at least " in text_of(html)
    assert "lower bounds" not in page
    assert "cut off" not in page


def test_number_burden_and_reference_are_said_in_a_line(page):
    # 100 voxels of 45 cubic mm; of 150 ml.
    assert "2 lesions, 4.50 ml, 3.0 % of the liver (150 ml), measured on the portal venous phase." in text_of(
        page
    )


def test_a_failed_registration_comes_first_with_its_reasons(tmp_path):
    html = page_of(
        tmp_path,
        results={"nc": result("check", error_mm=3.4), "art": result("failed", error_mm=80.0)},
        warnings=("nc: registration check: edges differ", "art: registration failed: nothing fits, far off"),
    )
    (first, failed), (second, check), *_ = warned(html)
    assert (first, second) == ("failed", "check")
    assert (
        "Arterial phase: registration failed: nothing fits, far off. Nobody knows where it lies, within 80 mm"
        in failed
    )
    assert "Non-contrast phase: registration check: edges differ." in check
    assert "below 3.4 mm" in check


def test_an_error_that_was_not_measured_is_left_out(tmp_path):
    assert "expected error 1.2 mm" in text_of(page_of(tmp_path, results={"art": result()}))
    assert "expected error" not in text_of(page_of(tmp_path, results={"art": result(error_mm=float("nan"))}))


def test_a_doubtful_phase_is_called_so_wherever_it_is_shown(tmp_path):
    html = page_of(tmp_path, results={"nc": result("check"), "art": result("failed")})
    captions = [text_of(caption) for caption in re.findall(r"<figcaption>(.*?)</figcaption>", html)]
    # In two lesions and once among the slices.
    for name in ("non-contrast registration check", "arterial registration failed"):
        assert sum(caption.startswith(name) for caption in captions) == 3
    assert (
        sum(caption.startswith("portal venous") and "registration" not in caption for caption in captions)
        == 3
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"filled": ("dl",)}, "Lacking: delayed: the model was shown air instead"),
        ({"accepted": ("case a: voxels of 9 mm",)}, "Accepted although implausible: voxels of 9 mm"),
        ({"results": {"nc": result(region="liver")}}, "Liver: found without a mask, and only roughly"),
        ({"results": {"nc": result(region="body")}}, "Liver: the mask could not be fitted"),
        (
            {"window": Window(((0, 0, 0), (9, 9, 9)), True, 0.4)},
            "the liver that was found, in 40 % of the volume",
        ),
        # The registered phases have 20 of the reference's 26 slices: 23 % lie outside.
        ({}, "Not looked at: 23 % of the portal venous volume"),
        ({"covered": 0.5}, "Partly covered: 27 % was looked at without"),
    ],
)
def test_what_one_has_to_know_is_said(tmp_path, options, said):
    assert any(said in text for _, text in warned(page_of(tmp_path, **options)))


def test_each_lesion_is_shown_on_each_phase_with_both_diameters(page):
    cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
    assert len(cards) == 2
    # The outline runs through the outer voxels' edge midpoints: 24 mm to one side and 12 - 3 to the other; 6 and 6 - 3.
    for card, long_mm in zip(cards, ("25.6", "6.7"), strict=True):
        assert card.count("<image") == card.count('class="outline"') == len(HU)
        assert card.count('class="perpendicular"') == len(HU)
        lines = re.findall(
            r'class="axial" x1="(.*?)" y1="(.*?)" x2="(.*?)" y2="(.*?)"/><text[^>]*>(.*?) mm<', card
        )
        assert {said for *_, said in lines} == {long_mm}
        x1, y1, x2, y2 = (float(end) for end in lines[0][:4])
        assert np.hypot(x2 - x1, y2 - y1) == pytest.approx(float(long_mm), abs=0.15)  # of rounded tenths


@pytest.mark.parametrize(
    "place",
    [
        (slice(20, 24), slice(50, 60)),
        (slice(20, 24), slice(0, 8)),
        (slice(0, 6), slice(0, 9)),
        (slice(44, 50), slice(0, 9)),
    ],
    ids=["right", "left", "upper left", "lower left"],
)
def test_the_lengths_of_a_lesion_at_the_border_are_in_the_picture_and_not_on_it(tmp_path, place):
    mask = np.zeros(lesions().shape, np.uint8)
    mask[(10, *place)] = 1
    card = re.search(r"<article.*?</article>", page_of(tmp_path, mask=mask), re.DOTALL)[0]
    wide, high = (float(n) for n in re.search(r'viewBox="0 0 (.*?) (.*?)"', card).groups())
    outline = np.array(
        [[float(n) for n in point.split()] for point in re.search(r'd="M(.*?)Z"', card)[1].split("L")]
    )
    written = re.findall(r'<text x="(.*?)" y="(.*?)" dy="(.*?)em">(.*?)</text>', card)
    assert len(written) == 2 * len(HU)
    letter = 0.065 * wide  # in print; on the screen they are smaller
    for x, y, dy, text in written:
        middle = float(y) + float(dy) * letter
        right = float(x) + 0.65 * letter * len(text)  # digits are .65 of a letter's height wide at most
        assert float(x) > 0
        assert right < wide
        assert 0 < middle - letter / 2 < middle + letter / 2 < high
        beside = outline[outline[:, 0] < right, 1]
        assert not len(beside) or middle + letter / 2 < beside.min() or middle - letter / 2 > beside.max()


def test_the_table_has_lesion_and_liver_beside_each_other(page):
    rows = re.findall(r"<tr><td.*?</tr>", page)
    assert [
        [cell.replace("\u00a0", "") for cell in re.findall(r"<td.*?>(.*?)</td>", row)][5:8] for row in rows
    ] == [
        ["40/50", "110/60", "70/110"],
        ["40/50", "110/60", "70/110"],
    ]


def test_the_key_slice_is_counted_in_the_reference_volume(page):
    # Index 5 is the lowest of three equal slices; the box begins at the reference's fifth; people count from 1.
    assert f"slice {FIRST_SLICE + 5 + 1} from the feet, z " in page
    assert f"slice {FIRST_SLICE + 12 + 1} from the feet, z " in page


def test_the_outline_is_the_lesions_border_in_mm(page):
    shown = slices_of(page)
    place = next(i for i, name in enumerate(shown["names"]) if name.startswith(f"slice {FIRST_SLICE + 7} of"))
    ((lesion, path),) = shown["outlines"][place]
    points = np.array([[float(v) for v in point.split()] for point in path[1:-1].split("L")])
    assert lesion == 1
    # Half way to the voxels beside it: as wide as its voxels, 8 and 4 of 3 mm.
    assert np.ptp(points, axis=0) == pytest.approx([24.0, 12.0], abs=0.1)


def test_each_slice_is_there_on_each_phase_with_the_lesions_in_it(page):
    shown = slices_of(page)
    count = len(shown["names"])
    assert [len(pictures) for pictures in shown["pictures"].values()] == [count] * len(HU)
    assert shown["names"][0] == f"slice {FIRST_SLICE + 1} of {FULL_SLICES} from the feet, z 100.0 mm"
    assert count == len(shown["outlines"]) == 20
    with_lesion = {i for i, plane in enumerate(lesions()) if plane.any()}
    assert {i for i, lines in enumerate(shown["outlines"]) if lines} == with_lesion
    assert shown["jumps"] == {"1": 5, "2": 12}


def test_the_pictures_show_the_phase_in_the_abdominal_window(page):
    shown = slices_of(page)
    for phase, (liver, _) in HU.items():
        with Image.open(io.BytesIO(base64.b64decode(shown["pictures"][phase][4]))) as picture:
            assert picture.mode == "L"
            assert max(picture.size) <= 256
            middle = picture.getpixel((picture.width // 2, picture.height // 2))
        # -160 HU is black, 240 HU white; JPEG rounds by a few grey values.
        assert middle == pytest.approx((liver + 160) / 400 * 255, abs=4)


def test_a_patient_without_lesions_has_a_page_that_says_so(tmp_path):
    html = page_of(tmp_path, mask=np.zeros_like(lesions()))
    assert "No lesion found, measured on the portal venous phase." in text_of(html)
    assert "<article" not in html
    assert len(slices_of(html)["names"]) == 20


def test_hostile_text_stays_text(tmp_path):
    html = page_of(tmp_path, warnings=(f"art: {HOSTILE}",), accepted=(f"case a: {HOSTILE}",))
    assert text_of(html).count(HOSTILE) == 2
    assert "onerror=alert(1)>" not in html
    # The name goes to titles and to the path of the registration's picture.
    made = patient(tmp_path, name="<script>alert(1)<'&\"")
    html = write_patient_page(*made, tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in html
    assert "<h1>&lt;script&gt;alert(1)&lt;&#39;&amp;&#34;: liver lesions" in html


def test_what_the_viewer_is_given_does_not_end_its_script():
    html = slice_viewer({HOSTILE: [b"x"]}, [[]], ["</script><b>"], {}, (9.0, 9.0), {HOSTILE: HOSTILE})
    assert html.count("</script>") == 1
    assert "<b>" not in html
    assert slices_of(html)["names"] == ["</script><b>"]
    assert list(slices_of(html)["pictures"]) == [HOSTILE]


def test_nothing_comes_from_outside(page):
    assert not re.search(r"@import|url\(|https?:(?!//www\.w3\.org/2000/svg)", page)
    sources = re.findall(r'\b(?:src|href)="(.*?)"', page)
    assert {source.split(":")[0][:1] for source in sources} == {"#", "d"}
    assert all(source.startswith(("#s", "data:")) for source in sources)


def test_the_same_patient_makes_the_same_bytes(tmp_path):
    assert page_of(tmp_path / "1") == page_of(tmp_path / "2")


def test_a_page_of_many_slices_is_small(monkeypatch):
    from nnunet_multiphase.report import slices

    noise = np.random.default_rng(0).normal(60, 60, (40, 300, 300)).astype(np.int16)
    monkeypatch.setattr(slices, "MOST_BYTES", 700_000)
    drawn = slices.pictures([noise], ((0, 0, 0), (300, 300, 40)), range(40), (0.8, 0.8, 1.0))
    assert sum(len(jpeg) for jpeg in drawn[0]) <= 700_000
    assert len(slices.slices_to_show(((0, 0, 3), (9, 9, 700)), [101])) <= slices.MOST_SLICES + 1
    assert 101 in slices.slices_to_show(((0, 0, 3), (9, 9, 700)), [101])


DRIVE = """<pre id="seen"></pre><script>
  const seen = {}, box = document.getElementById("viewer"), slider = box.querySelector("input[type=range]");
  const note = name => { seen[name] = {
    said: box.querySelector("output").textContent,
    pictures: [...box.querySelectorAll("image")].map(i => i.getAttribute("href").slice(-60)),
    outlines: [...box.querySelectorAll("svg")].map(s => s.querySelectorAll("path").length),
  }; };
  note("first");
  slider.value = 12; slider.dispatchEvent(new Event("input")); note("slider");
  const key = (name, more) => box.dispatchEvent(
    new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }));
  key("ArrowUp"); note("up"); key("ArrowDown"); key("ArrowDown"); note("down"); key("Home"); note("home");
  key("ArrowDown"); note("below"); key("ArrowUp", { ctrlKey: true }); note("control");
  const turn = by => box.querySelector(".phases").dispatchEvent(
    new WheelEvent("wheel", { deltaY: by, bubbles: true, cancelable: true }));
  turn(-120); note("wheel");
  document.querySelector("article button[data-jump='2']").click(); note("jump");
  seen.focus = document.activeElement === box;
  const shown = element => getComputedStyle(element).display !== "none";
  box.querySelector("input[type=checkbox]").click(); seen.plain = shown(box.querySelector(".outlines"));
  const section = box.closest("section"); seen.screen = shown(section);
  // What print does, on the screen: its rules stand for all media.
  for (const sheet of document.styleSheets) for (const rule of [...sheet.cssRules])
    if (rule.media && rule.media.mediaText === "print") rule.media.mediaText = "all";
  seen.print = [shown(section), shown(document.querySelector("article button")), shown(document.querySelector("article"))];
  document.getElementById("seen").textContent = JSON.stringify(seen);
</script></body>"""


@needs_browser
def test_a_browser_pages_through_all_phases_at_once(page, tmp_path):
    driven = tmp_path / "driven.html"
    driven.write_text(page.replace("</body>", DRIVE), encoding="utf-8")
    dom, console, asked = opened(driven, tmp_path)
    assert console == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    seen = json.loads(unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom)[1]))
    shown = slices_of(page)

    def expected(place):
        return {
            "said": shown["names"][place],
            "pictures": [pictures[place][-60:] for pictures in shown["pictures"].values()],
            "outlines": [len(shown["outlines"][place])] * len(HU),
        }

    places = {
        "first": 5,
        "slider": 12,
        "up": 13,
        "down": 11,
        "home": 0,
        "below": 0,
        "control": 0,
        "wheel": 1,
        "jump": 12,
    }
    assert {name: seen[name] for name in places} == {name: expected(place) for name, place in places.items()}
    assert seen["jump"]["outlines"] == [1, 1, 1]
    assert (seen["focus"], seen["plain"], seen["screen"]) == (True, False, True)
    assert seen["print"] == [False, False, True]


def test_on_an_oblique_grid_lines_and_outlines_lie_where_they_do_on_a_straight_one(
    page, tmp_path, monkeypatch
):
    upright = patient_cases.grid

    def tilted(values):
        image = upright(values)
        turn = sitk.Euler3DTransform()
        turn.SetRotation(0.2, -0.1, 0.15)
        image.SetDirection(turn.GetMatrix())
        return image

    monkeypatch.setattr(patient_cases, "grid", tilted)
    html = page_of(tmp_path)
    drawn = r'<(?:path|line) class="(?:outline|axial|perpendicular)".*?/>'
    assert len(re.findall(drawn, page)) == 3 * 2 * len(HU)
    # To a tenth of a mm, as written: rounding may differ in the last digit.
    ends = [
        np.array(re.findall(r"-?\d+\.\d", " ".join(re.findall(drawn, text))), float) for text in (page, html)
    ]
    assert np.abs(ends[0] - ends[1]).max() < 0.15
    assert slices_of(html)["pictures"] == slices_of(page)["pictures"]
