"""The house has no circle and no arrow upwards: every room imports what lies on lower floors (docs/architecture.md)."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import grimp
import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def plan() -> ModuleType:
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        return import_module("floors")
    finally:
        sys.path.remove(str(DOCS / "_ext"))


def upward(found: dict[str, set[str]], floors: tuple[tuple[str, ...], ...], ground: list[str]) -> list[str]:
    """List the imports that do not go down."""
    level = {name: i for i, floor in enumerate(floors) for name in floor} | dict.fromkeys(ground, len(floors))
    return sorted(
        f"{name} imports {other}"
        for name, others in found.items()
        for other in others
        if level[other] <= level[name] and not (name in ground and other in ground)
    )


def test_every_room_has_its_floor(plan: ModuleType) -> None:
    named = [name for floor in plan.FLOORS for name in floor] + list(plan.GROUND)
    assert sorted(named) == sorted(plan.imports())


def test_imports_go_down(plan: ModuleType) -> None:
    assert upward(plan.imports(), plan.FLOORS, plan.GROUND) == []


def test_an_import_upwards_would_be_seen() -> None:
    found = {"a": {"b"}, "b": {"a", "errors"}, "errors": {"b"}}
    assert upward(found, (("a",), ("b",)), ["errors"]) == ["b imports a", "errors imports b"]


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(
        "nnunet_multiphase", "registration", cache_dir=None, exclude_type_checking_imports=True
    )
    waiting = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    while free := {module for module, others in waiting.items() if not others & waiting.keys()}:
        waiting = {module: others for module, others in waiting.items() if module not in free}
    assert waiting == {}
