"""What the documentation promises by name is there, and what it says to type works."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

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


def fenced(page: Path, language: str) -> list[str]:
    """Take the blocks of a language ("": of none) out of a page."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for named, text in blocks if named == language]


PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
EXAMPLES = [
    pytest.param(text, id=f"{page.name}-{n}")
    for page in PAGES
    for n, text in enumerate(fenced(page, "python"))
]


@pytest.fixture(scope="module")
def example_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give what the examples speak of without making it: volumes, and a phantom's folder as OUT/case_001."""
    from nnunet_multiphase.phantom.cohort import make_case

    out = tmp_path_factory.mktemp("examples")
    case = make_case(out / "OUT", 1)
    case.rename(case.with_name("case_001"))
    volume = sitk.GetImageFromArray(np.random.default_rng(0).normal(0, 100, (24, 24, 24)).astype(np.int16))
    volume.SetSpacing((8.0, 8.0, 8.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)
        yield {"reference": volume, "moving": volume, "liver": sitk.Cast(volume > -1024, sitk.sitkUInt8)}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example: str, example_names: dict[str, Any]) -> None:
    exec(compile(example, "example", "exec"), dict(example_names))


def commands_of(page: Path) -> list[list[str]]:
    """Take our commands out of a page's blocks, without what stands for more of the same and for what may be left out."""
    found = []
    for block in fenced(page, "") + fenced(page, "sh") + fenced(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"(\s#|\s{3,}(?=\w)).*", "", line.strip())
            line = re.sub(r"\s{3,}", " ", line)
            if line.startswith(("nnunet-multiphase ", "python setup_dataset.py ", "python -m registration ")):
                words = shlex.split(line.replace("[-", " -").replace("]", " "))
                found.append([word.removesuffix("...") for word in words if word != "..."])
    return found


COMMANDS = [
    pytest.param(words, id=" ".join(words[1:3]) + f" ({page.name})")
    for page in PAGES
    if not page.name.startswith("results")  # what was typed at the commits named there
    for words in commands_of(page)
    if len(words) > 3
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_one_that_the_program_takes(words: list[str]) -> None:
    from nnunet_multiphase.cli.main import build_parser

    if words[0] == "python":
        words = ["", "setup" if words[1] == "setup_dataset.py" else "register", *words[2:]]
    build_parser().parse_args(words[1:])
