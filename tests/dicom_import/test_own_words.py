"""The user's own words: they count before the built-in ones, and a wrong list is refused line by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_phantom import lesion_mask, make_seg, phase_series, save

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicom_import.own_words import read_own_words
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.words.descriptions import OwnWords, contrast_named, phases_named

Rows = Callable[..., list[dict[str, str]]]


def word_file(folder: Path, text: str) -> Path:
    path = folder / "words.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_words_are_read_by_meaning(delimiter: str, tmp_path: Path) -> None:
    lines = ("Meaning,Word", "art,AP", "ART,Leber  früh*", "none,PP", "", "derived,Fusion", "lesions,Knoten")
    path = word_file(tmp_path, "\ufeff" + "\n".join(lines).replace(",", delimiter) + "\n")
    assert read_own_words(path) == OwnWords(
        phases={"art": ("AP", "Leber früh*")},
        none=("PP",),
        derived=("Fusion",),
        labels={"lesions": ("Knoten",)},
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "arterial,AP",
            "line 2: expected the meaning nc, art, pv, dl, none, derived, plain, lesions, liver, other",
        ),
        ("art,", "line 2: no word; remove the line"),
        ("art,A", "expected a word of two letters or more"),
        ("art,3", "expected a word of two letters or more"),
        ("art,--", "expected a word of two letters or more"),
        ("art,A*P", "expected one \\* at the end"),
        ("art,AP\npv,ap", "'ap' was said to mean art before; keep one line"),
        (f"art,{'x' * 80}", "a word of 80 signs"),
    ],
)
def test_wrong_line_is_refused_with_its_number(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=sentence):
        read_own_words(word_file(tmp_path, f"meaning,word\n{text}\n"))


def test_all_wrong_lines_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CohortError) as caught:
        read_own_words(word_file(tmp_path, "meaning,word\nx,AP\nart,AP\npv,\n"))
    assert len(caught.value.problems) == 2


def test_list_without_a_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no word"):
        read_own_words(word_file(tmp_path, "meaning,word\n"))


def test_missing_file_ends_the_command_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tree").mkdir()
    arguments = [str(tmp_path / "tree"), str(tmp_path / "raw"), "--words", str(tmp_path / "none.csv")]
    assert main(["import-dicom", *arguments]) == 2
    assert "does not exist: expected a table with the columns meaning and word" in capsys.readouterr().err


def test_own_phase_word_counts_first() -> None:
    own = OwnWords(phases={"art": ("PP",)})
    assert (phases_named("PP 5.0"), phases_named("PP 5.0", own)) == ({"pv": "PP"}, {"art": "PP"})


def test_word_for_none_is_taken_out() -> None:
    own = OwnWords(none=("portal", "enhanced"))
    assert phases_named("Portal venous", own) == {"pv": "venous"}
    assert (contrast_named("enhanced"), contrast_named("enhanced", own)) == ("enhanced", None)


def test_own_words_reach_table_and_masks(tmp_path: Path, series_rows: Rows) -> None:
    art = phase_series("pv", series="1", number=1, description="QQ frueh 5.0", AcquisitionTime=None)
    fusion = phase_series("pv", series="2", number=2, description="portal Fusion")
    mpr = phase_series("pv", series="3", number=3, description="portal MPR")
    mask = make_seg(art, {"Knötchen": lesion_mask(), "Tumor ghost": lesion_mask()})
    save([*art, *fusion, *mpr, mask], tmp_path / "tree")
    lines = ("art,QQ", "derived,fusion", "plain,MPR", "lesions,Knötch*", "other,ghost")
    path = word_file(tmp_path, "\n".join(("meaning,word", *lines)))
    rows = {row["series_number"]: row for row in series_rows(words=path)}
    assert {number: (row["phase"], row["use"]) for number, row in rows.items()} == {
        "1": ("art", "yes"),
        "2": ("pv", "no"),
        "3": ("pv", "yes"),
    }
    assert "'fusion' of your own words" in rows["2"]["problems"]
    assert rows["1"]["why"] == "description: 'QQ'"
    assert rows["1"]["masks"] == "lesions"
