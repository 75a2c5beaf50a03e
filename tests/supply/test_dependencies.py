"""What pyproject.toml asks for is what the code imports: no library is used unasked, none is asked for unused."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("nnunet_multiphase", "registration")
NAMED_IN_PLANS = {"dynamic-network-architectures"}  # imported by nnU-Net, from the name in our plans
NEEDED_BY_TORCH = {"onnx", "onnxscript"}  # imported by torch's exporter
DRIVERS = {"dask-jobqueue"}  # started by the user, to bring the workers that we speak to
TOOLS = {
    "pytest",
    "pytest-xdist",
    "ipykernel",
    "ruff",
    "mypy",
    "build",
    "hatchling",
    "dcmqi",
}  # commands and build backends
SITE = {"furo", "myst-nb", "sphinx-copybutton"}  # named in docs/conf.py
EXTRAS = ("dicom", "dicomweb", "cluster", "onnx", "openvino")


def canonical(name: str) -> str:
    """Give a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def asked_for() -> dict[str, set[str]]:
    """Give the names in pyproject.toml: those of `dependencies` under "", those of each extra under its name."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^(\w+) = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    names = {
        key: {canonical(name) for name in re.findall(r'^\s*"([\w.-]+)\s*[<>=!]', body, re.MULTILINE)}
        for key, body in lists
    }
    names[""] = names.pop("dependencies")
    return names


@cache
def imported(*folders: str) -> dict[str, set[str]]:
    """Give the distributions that the code in some folders imports, each with the files that do."""
    # Python 3.10 knows only what top_level.txt says, which newer wheels leave out.
    distributions = {"sklearn": ["scikit-learn"], **packages_distributions()}
    ours = {
        path.stem for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in ("", ".py")
    }
    found: dict[str, set[str]] = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules = [node.module]
            for module in {module.partition(".")[0] for module in modules}:
                if module not in sys.stdlib_module_names and module not in {*ours, *PACKAGES}:
                    for name in distributions.get(module, [module]):
                        found.setdefault(canonical(name), set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_every_library_the_package_imports_is_asked_for() -> None:
    asked = asked_for()
    known = asked[""].union(*(asked[extra] for extra in EXTRAS))
    assert {name: files for name, files in imported(*PACKAGES).items() if name not in known} == {}


def test_every_library_the_package_asks_for_is_imported() -> None:
    assert asked_for()[""] - set(imported(*PACKAGES)) == NAMED_IN_PLANS


def test_every_library_of_the_extras_is_imported() -> None:
    asked = asked_for()
    extras: set[str] = set().union(*(asked[extra] for extra in EXTRAS))
    assert extras - set(imported(*PACKAGES)) == NEEDED_BY_TORCH | DRIVERS


def test_every_library_the_tests_import_is_asked_for() -> None:
    asked = asked_for()
    known = asked[""] | asked["dev"]
    assert {name: files for name, files in imported("tests").items() if name not in known} == {}


def test_every_library_of_the_development_extra_is_used() -> None:
    asked = asked_for()
    used = set(imported("tests", "docs")) | set(imported(*PACKAGES)) | TOOLS | NEEDED_BY_TORCH | SITE
    assert asked["dev"] - used == set()


@pytest.mark.parametrize("extra", ["dicom", "dicomweb", "onnx"])
def test_the_development_extra_has_what_the_tests_of_an_extra_need(extra: str) -> None:
    asked = asked_for()
    assert asked[extra] <= asked["dev"]


def test_the_lock_has_every_library_that_is_asked_for() -> None:
    asked = asked_for()
    lock = (ROOT / "tests/supply/locked.txt").read_text(encoding="utf-8")
    locked = {canonical(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    assert (asked[""] | asked["dev"]) - locked == {"torch"}, "run `make lock`"
