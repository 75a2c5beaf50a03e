"""What the documentation promises by name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", ["real_input.md", "method.md"])
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = set(
        re.findall(r"`((?:tests/|test_)[\w/.]*)`", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    )
    files = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("*.py")
    }
    facts = set(re.findall(r"^\s*def (test_\w+)", "\n".join(files.values()), re.MULTILINE))
    names = {path.rpartition("/")[2] for path in files} | {path.rpartition("/")[0] + "/" for path in files}
    assert named
    assert sorted(named - facts - set(files) - names) == []
