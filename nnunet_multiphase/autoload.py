"""Let nnU-Net find our trainers and planners by name, without touching nnU-Net.

nnU-Net imports its own modules one after another and asks each `hasattr(module, class_name)`. A finder on
sys.meta_path gives the first module of each such search a lazy `__getattr__` that answers to our names.
Every interpreter of the environment runs this at its start (nnunet_multiphase_autoload.pth), so nothing is
imported at the top and our classes are loaded only when their name is asked for.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

TRAINER_DOOR = "nnunetv2.training.nnUNetTrainer.nnUNetTrainer"
PLANNER_DOOR = "nnunetv2.experiment_planning.plan_and_preprocess_api"
PLANNERS: dict[str, str] = {
    "MultiPhaseSCAMPlanner": "nnunet_multiphase.planning.multiphase_scam_planner",
    "MultiPhaseSCAMPlannerUndilated": "nnunet_multiphase.planning.variants",
    "MultiPhaseSCAMPlannerPlainSkips": "nnunet_multiphase.planning.ablations",
    "MultiPhaseSCAMPlannerLinearMasks": "nnunet_multiphase.planning.ablations",
    "MultiPhaseSCAMPlannerFocalLoss": "nnunet_multiphase.planning.ablations",
    "MultiPhaseSCAMPlannerDiceLoss": "nnunet_multiphase.planning.ablations",
    "MultiPhaseFingerprintExtractor": "nnunet_multiphase.planning.fingerprint",
}
"""Class name -> dotted module, for whatever nnU-Net's planning may be asked for by name."""


def make_findable() -> None:
    """Make our trainers and planners known to nnU-Net in this running interpreter.

    Needed only where the start-up file is not read: a notebook kernel that was running during the
    installation, `pip install --target`, `python -S`. Calling it twice, or in vain, changes nothing.
    """
    install_finder()
    for name in (TRAINER_DOOR, PLANNER_DOOR):
        module = sys.modules.get(name)
        if module is not None:
            _open_door(module)


def at_start() -> None:
    """Install the finder at an interpreter's start and leave no module of ours behind.

    A package imported this early would be pinned to its installed copy, and a checkout put on sys.path later
    would silently not be used. The finder itself keeps working: it imports what it needs by name.
    """
    install_finder()
    for name in ("nnunet_multiphase.autoload", "nnunet_multiphase"):
        sys.modules.pop(name, None)


def install_finder() -> None:
    """Put the finder in front of the others on sys.meta_path, once."""
    if not is_installed():
        sys.meta_path.insert(0, _Finder())


def is_installed() -> bool:
    """Tell whether this interpreter has the finder, from whichever copy of this module."""
    return any(_is_ours(type(finder)) for finder in sys.meta_path)


def _is_ours(thing: object) -> bool:
    """Tell whether a class or function was defined here; by name, for this module may be loaded twice."""
    return getattr(thing, "__module__", None) == __name__


def known_names(door: str) -> dict[str, str]:
    """Return class name -> dotted module for one of nnU-Net's two modules; empty for any other.

    Also empty when the package was uninstalled under a running interpreter.
    """
    if door == PLANNER_DOOR:
        return PLANNERS
    if door != TRAINER_DOOR:
        return {}
    try:
        from nnunet_multiphase.training.names import TRAINERS
    except ModuleNotFoundError:
        return {}
    return TRAINERS


def load_class(door: str, name: str) -> "Any":
    """Import one of our classes by its name.

    Args:
        door: nnU-Net's module that was asked for the class, TRAINER_DOOR or PLANNER_DOOR.
        name: the class's name.

    Raises:
        AttributeError: the name is not ours.
        ImportError: it is ours, but its module does not import. Never an AttributeError then: `hasattr` would
            swallow it, and nnU-Net would say "not found" instead of what is wrong.
    """
    home = None if name.startswith("__") else known_names(door).get(name)
    if home is None:
        raise AttributeError(f"module {door!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(home), name)
    except AttributeError as error:
        raise ImportError(
            f"{name} is installed, but {home} could not be loaded: {error}", name=home
        ) from error


def _open_door(module: "ModuleType") -> None:
    """Add the lazy `__getattr__` to one of nnU-Net's modules; one it already has is asked after ours."""
    door = module.__name__
    previous: Callable[[str], Any] | None = vars(module).get("__getattr__")
    if _is_ours(previous):
        return

    def __getattr__(name: str) -> "Any":  # noqa: N807 - it becomes the module's own
        try:
            return load_class(door, name)
        except AttributeError:
            if previous is None:
                raise
        return previous(name)

    module.__getattr__ = __getattr__  # type: ignore[method-assign]


class _Finder:
    """Hand nnU-Net's two modules to their usual finder, but open the door once they are loaded."""

    def find_spec(
        self, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if fullname not in (TRAINER_DOOR, PLANNER_DOOR):
            return None
        try:
            return self._wrapped_spec(fullname, path, target)
        except Exception:  # whatever it is, the usual finders meet it next and report it as their own
            return None

    def _wrapped_spec(
        self, fullname: str, path: "Sequence[str] | None", target: "ModuleType | None"
    ) -> "ModuleSpec | None":
        for finder in list(sys.meta_path):
            if _is_ours(type(finder)) or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """Do as the usual loader does, then open the door and step aside."""

    def __init__(self, usual: "Any") -> None:
        self._usual = usual

    def __getattr__(self, name: str) -> "Any":  # get_code, get_source, is_package ... (runpy, inspect)
        if name == "_usual":  # copying or unpickling asks before __init__ ran
            raise AttributeError(name)
        return getattr(self._usual, name)

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        return self._usual.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        module.__loader__ = self._usual
        if module.__spec__ is not None:
            module.__spec__.loader = self._usual
        self._usual.exec_module(module)
        _open_door(module)
