"""Tell one state of the program from another: the version does not change with every change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

LIBRARIES = ("SimpleITK", "numba", "numpy", "scipy")
"""What voxels are computed with."""
SOURCES = (".css", ".html", ".js", ".py", ".svg")
"""The program, and what its pages are made of: a dataset has one."""


@cache
def code_digest() -> str:
    """Digest the source of both packages and the versions of the libraries that voxels are computed with."""
    specs = [find_spec(package) for package in ("nnunet_multiphase", "registration")]
    folders = [Path(place) for spec in specs if spec for place in spec.submodule_search_locations or ()]
    return digest_of(folders, [f"{name} {_version(name)}" for name in LIBRARIES])


def digest_of(folders: Iterable[Path], further: Iterable[str] = ()) -> str:
    """Digest the source files below folders, by their place and content, and further words."""
    digest = hashlib.blake2b(repr(sorted(further)).encode(), digest_size=16)
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in SOURCES):
            content = path.read_bytes().replace(b"\r\n", b"\n")  # a checkout on Windows is the same program
            digest.update(repr((path.relative_to(folder).as_posix(), content)).encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
