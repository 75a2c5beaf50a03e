"""Find modules by the names that they had before version 0.1.0 was released, with a warning; to go with the next one."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = "nnunet_multiphase"

HOMES: dict[str, tuple[str, ...]] = {
    "data": ("cases", "volumes", "dataset", "alignment", "dicom", ""),
    "dicom": ("dicom_import",),
    "evaluation": ("phantom",),
    "prediction": ("models", "patients"),
    "report": ("html", "dicom_import"),
    "runtime": ("models",),
}
"""Former folder -> where its modules went, "" being the package itself."""

RENAMED = {
    "data.dataset": "dataset.build",
}


class _Found:
    """Give a module that has another name; import it under this one, too."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Give the module itself, so that both names mean one."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is; the import system has written this name into it."""
        module.__spec__ = self._spec


def find_moved(name: str) -> ModuleSpec | None:
    """Find a module by its former name; None where it had none."""
    former = name.removeprefix(f"{PACKAGE}.")
    folder, _, module = former.partition(".")
    if not module or folder not in HOMES:
        return None
    candidates = [RENAMED[former]] if former in RENAMED else [f"{home}.{module}" for home in HOMES[folder]]
    for candidate in candidates:
        new = f"{PACKAGE}.{candidate.lstrip('.')}"
        try:
            found = import_module(new)
        except ModuleNotFoundError as error:
            if error.name != new:
                raise
            continue
        warnings.warn(f"{name} is called {new} now", DeprecationWarning, stacklevel=3)  # who imports it
        return ModuleSpec(name, _Found(found), is_package=False)  # type: ignore[arg-type]
    return None


class _Finder:
    """Asked for a module only where there is none of that name."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find one of `HOMES`."""
        return find_moved(name) if name.startswith(f"{PACKAGE}.") else None


def find_former_names() -> None:
    """Let modules be found by their former names; called by the folders that they were in."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
