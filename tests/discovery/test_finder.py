"""The finder's and the doors' own behaviour, on small packages that carry the names of nnU-Net's modules."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnunet_multiphase import autoload


@pytest.fixture
def small_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with one module of each name that the finder waits for, and no other nnunetv2 in sight.

    Yields:
        The folder of the planner's door.
    """
    for door in (autoload.TRAINER_DOOR, autoload.PLANNER_DOOR):
        folder = tmp_path.joinpath(*door.split(".")[:-1])
        folder.mkdir(parents=True)
        for package in (folder, *folder.parents):
            if package.is_relative_to(tmp_path / "nnunetv2"):
                (package / "__init__.py").touch()
        (folder / f"{door.rsplit('.', 1)[1]}.py").write_text("own = 'nnU-Net'\n")
    hidden = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "nnunetv2"}
    for name in hidden:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(tmp_path))
    # the finder of this interpreter's start belongs to another copy of the module
    others = [finder for finder in sys.meta_path if type(finder).__module__ != autoload.__name__]
    monkeypatch.setattr(sys, "meta_path", others)
    importlib.invalidate_caches()
    yield tmp_path / "nnunetv2" / "experiment_planning"
    for name in [name for name in sys.modules if name.split(".")[0] == "nnunetv2"]:
        del sys.modules[name]
    sys.modules.update(hidden)


def test_make_findable_opens_a_module_that_is_already_imported(small_host: Path) -> None:
    module = importlib.import_module(autoload.PLANNER_DOOR)
    assert not hasattr(module, "__getattr__")
    autoload.make_findable()
    assert hasattr(module, "__getattr__")


def test_make_findable_twice_changes_nothing_more(small_host: Path) -> None:
    autoload.make_findable()
    module = importlib.import_module(autoload.PLANNER_DOOR)
    finders, door = list(sys.meta_path), module.__getattr__
    autoload.make_findable()
    assert (sys.meta_path, module.__getattr__) == (finders, door)


def test_reloading_the_module_keeps_one_door(small_host: Path) -> None:
    autoload.make_findable()
    module = importlib.import_module(autoload.PLANNER_DOOR)
    door = module.__getattr__
    assert importlib.reload(module).__getattr__ is door


def test_a_door_of_the_module_itself_is_asked_after_ours(small_host: Path) -> None:
    (small_host / "plan_and_preprocess_api.py").write_text(
        "def __getattr__(name):\n    return 'its own ' + name\n"
    )
    autoload.make_findable()
    module = importlib.import_module(autoload.PLANNER_DOOR)
    assert module.something == "its own something"


def test_what_the_module_defines_is_untouched(small_host: Path) -> None:
    autoload.make_findable()
    assert importlib.import_module(autoload.TRAINER_DOOR).own == "nnU-Net"


def test_a_module_that_does_not_import_shows_its_own_error(small_host: Path) -> None:
    (small_host / "plan_and_preprocess_api.py").write_text("raise ValueError('its own')\n")
    autoload.make_findable()
    with pytest.raises(ValueError, match="its own"):
        importlib.import_module(autoload.PLANNER_DOOR)


def test_a_failing_finder_of_others_is_theirs_to_report(
    small_host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def find_spec(self, *_: object) -> None:
            raise OSError("theirs")

    autoload.make_findable()
    ours = next(finder for finder in sys.meta_path if type(finder).__module__ == autoload.__name__)
    sys.meta_path.insert(0, Failing())  # type: ignore[arg-type]
    assert ours.find_spec(autoload.PLANNER_DOOR, None, None) is None


def test_a_class_that_does_not_load_raises_import_error(
    small_host: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "planner_with_a_fault.py").write_text("import sys\nsys.no_such_thing\n")
    monkeypatch.setitem(autoload.PLANNERS, "MultiPhaseSCAMPlanner", "planner_with_a_fault")
    autoload.make_findable()
    with pytest.raises(ImportError, match=r"MultiPhaseSCAMPlanner is installed, but .*no_such_thing"):
        hasattr(importlib.import_module(autoload.PLANNER_DOOR), "MultiPhaseSCAMPlanner")


def test_dunder_names_are_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(autoload.PLANNERS, "__path__", "no.such.module")
    with pytest.raises(AttributeError, match="__path__"):
        autoload.load_class(autoload.PLANNER_DOOR, "__path__")


def test_make_findable_is_offered_by_the_package() -> None:
    import nnunet_multiphase

    assert nnunet_multiphase.make_findable is autoload.make_findable
