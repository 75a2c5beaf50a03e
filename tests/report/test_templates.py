"""The templates: what they are given comes out escaped, what they lack is an error, and none lies about unused."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

import nnunet_multiphase
from nnunet_multiphase.html import templates
from nnunet_multiphase.html.templates import render

PACKAGE = Path(nnunet_multiphase.__file__).parent
TEMPLATES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".html", ".svg"))
OTHERS = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".css", ".js"))
HOSTILE = "<script>alert('1')</script> & \"x\""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Give a function that writes a template of a name and fills it."""
    monkeypatch.setattr(templates, "PACKAGE", tmp_path)
    monkeypatch.setattr(templates, "_environment", templates._environment.__wrapped__)

    def fill(name, text, **values):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return render(name, **values)

    return fill


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.txt", "a"])
def test_text_is_escaped_whatever_the_template_is_called(made, name):
    found = made(name, '<p title="{{ x }}">{{ x }}</p>', x=HOSTILE)
    assert isinstance(found, Markup)
    assert found.count("<") == 2
    assert found.count('"') == 2
    assert found.striptags() == HOSTILE


def test_markup_stays_as_it_is(made):
    assert made("a.html", "{{ x }}", x=Markup("<b>1</b>")) == "<b>1</b>"


@pytest.mark.parametrize(
    "text", ["{{ x }}", "{% if x %}1{% endif %}", "{% for y in x %}1{% endfor %}", "{{ y.x }}"]
)
def test_what_a_template_was_not_given_is_an_error(made, text):
    with pytest.raises(UndefinedError):
        made("a.html", text, y={})


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_escapes_whatever_it_is_given(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape", text)


@pytest.mark.parametrize("path", [*TEMPLATES, *OTHERS], ids=lambda path: path.name)
def test_each_file_is_named_by_the_python_beside_it(path):
    name = path.relative_to(PACKAGE).as_posix()
    beside = [other.read_text(encoding="utf-8") for other in PACKAGE.rglob("*.py")]
    assert any(f'"{name}"' in text for text in beside)


@pytest.mark.parametrize("folder", ["html", "report", "dicom_import"])
def test_nobody_escapes_or_fills_tags_by_hand(folder):
    for path in (PACKAGE / folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.module == "html"), path.name
            if isinstance(node, ast.JoinedStr):
                fixed = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
                assert not any(re.search(r"</?[a-z]", text) for text in fixed), (path.name, node.lineno)


def test_the_pages_modules_wait_with_jinja_until_a_page_is_written():
    code = "import sys, nnunet_multiphase.html.page; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
