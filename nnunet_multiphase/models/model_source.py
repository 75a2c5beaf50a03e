"""Open a model wherever it comes from, and load nothing that could run code of a stranger unless the user trusts it.

A checkpoint is a pickle: loaded as nnU-Net loads it, it may run any program. torch can read one so that nothing but
tensors, numbers and plain containers come to be (`weights_only`, to be relied on from torch 2.10: CVE-2026-24747); what
passes that is harmless however it is read again.
The plans name classes to be imported: only those of networks are let through.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json

PART_OF_MODEL = re.compile(
    r"dataset\.json|plans\.json|dataset_fingerprint\.json|fold_\w+/checkpoint_\w+\.pth"
)
NETWORK_PACKAGES = ("nnunet_multiphase.network.", "dynamic_network_architectures.", "torch.nn.modules.")
NETWORK_MODULES = re.compile(
    r"torch\.nn(\.modules(\.\w+)?)?|nnunet_multiphase\.network(\.\w+)*|dynamic_network_architectures(\.\w+)*"
)
"""An attribute's attribute would lead anywhere: torch.nn.functional.torch.os.system."""
TRUST = "pass --trust-model if you know who made it"


@contextmanager
def opened_model(source: Path, wanted: str, *, trusted: bool) -> Iterator[Path]:
    """Give the folder of a model, unpacked for as long as it is needed where it is a zip.

    Args:
        source: Folder with plans.json and fold_*, or a zip of `nnUNetv2_export_model_to_zip`.
        wanted: <trainer>__<plans>__<configuration>, which decides where a zip holds several models.
        trusted: The user's word.

    Raises:
        InputError: A zip that is not trusted, is damaged, holds no model, or several and none of them is `wanted`.
    """
    if source.is_dir():
        yield source
        return
    if not zipfile.is_zipfile(source):
        found = "no such file or folder" if not source.exists() else "it is neither"
        raise InputError(
            f"{source} is no model: expected a folder with plans.json and fold_0, or a zip of nnUNetv2_export_model_to_zip, "
            f"but {found}; correct -m"
        )
    if not trusted:
        raise InputError(
            f"{source} holds checkpoints, which are pickles and can run any program when they are loaded: {TRUST}, or ask "
            "its maker for the form that needs no trust (nnunet-multiphase export)"
        )
    with tempfile.TemporaryDirectory(prefix="nnunet-multiphase-model-") as folder:
        try:
            unpacked = _unpack(source, Path(folder), wanted)
        except _DAMAGED as error:
            raise InputError(f"{source} is damaged ({error}): fetch it again") from error
        yield unpacked


def check_checkpoints(model_folder: Path, folds: Sequence[str], checkpoint: str) -> None:
    """Refuse a model that does more than hold weights when it is loaded.

    Args:
        model_folder: With plans.json and fold_*.
        folds: Names of the folds that will be loaded, without fold_.
        checkpoint: File name in the folds' folders.

    Raises:
        InputError: A checkpoint holds other things than weights and numbers, or the plans name a class that is no network.
    """
    import torch

    torch.serialization.add_safe_globals(_numbers_of_numpy())
    for fold in folds:
        path = model_folder / f"fold_{fold}" / checkpoint
        try:
            torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
        except Exception as error:
            first = next((line.strip() for line in str(error).splitlines() if "GLOBAL" in line), "")
            raise InputError(
                f"{path} cannot be read as weights alone, so that loading it could run any program"
                + (f" ({first})" if first else "")
                + f": {TRUST}; if it should be harmless, it may be damaged"
            ) from error
    _check_plans(model_folder / "plans.json")


def is_own(model_folder: Path) -> bool:
    """Tell whether a model lies where this user's nnU-Net trains into."""
    results = os.environ.get("nnUNet_results")
    return results is not None and results != "" and Path(results).resolve() in model_folder.resolve().parents


def _numbers_of_numpy() -> list[Any]:
    """List what nnU-Net's log of losses is made of: scalars, and the types of their numbers."""
    import numpy as np

    scalar = type(np.float64(0)).__reduce__(np.float64(0))[0]  # its module was renamed in numpy 2
    return [scalar, np.dtype, *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "b1"))]


def _check_plans(path: Path) -> None:
    named: list[object] = []
    try:
        for configuration in load_json(path)["configurations"].values():
            told = configuration.get("architecture") or {}
            arguments = told.get("arch_kwargs") or {}
            named += [
                told.get("network_class_name"),
                *(arguments.get(k) for k in told.get("_kw_requires_import") or ()),
            ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read as nnU-Net's plans ({error}): restore it") from error
    for name in named:
        if name and not _is_network_part(str(name)):
            raise InputError(
                f"{path} builds its network of {name}, which is no layer or network of this package, "
                f"dynamic_network_architectures or torch: {TRUST}"
            )


def _is_network_part(name: str) -> bool:
    """Tell whether a name leads straight to a class of layers or networks; nothing else is imported or called."""
    import torch

    module, _, attribute = name.rpartition(".")
    if not NETWORK_MODULES.fullmatch(module):
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return (
        isinstance(found, type)
        and issubclass(found, torch.nn.Module)
        and found.__module__.startswith(NETWORK_PACKAGES)
    )


_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def _unpack(source: Path, folder: Path, wanted: str) -> Path:
    """Unpack the one model that is wanted; nothing but a model's files, and nothing outside of the folder."""
    with zipfile.ZipFile(source) as archive:
        models: dict[str, list[zipfile.ZipInfo]] = {}
        for entry in archive.infolist():
            parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
            for at, part in enumerate(parts[:-1]):
                if part.count("__") == 2 and PART_OF_MODEL.fullmatch("/".join(parts[at + 1 :])):
                    models.setdefault("/".join(parts[: at + 1]), []).append(entry)
        models = {name: entries for name, entries in models.items() if _is_whole(entries)}
        if not models:
            raise InputError(
                f"{source} holds no model: expected <trainer>__<plans>__<configuration> with plans.json in it"
            )
        chosen = list(models) if len(models) == 1 else [m for m in models if m.split("/")[-1] == wanted]
        if len(chosen) != 1:
            raise InputError(
                f"{source} holds {len(models)} models ({', '.join(sorted(models))}), {len(chosen)} of them called {wanted}: "
                "name one with -tr, -p and -c"
            )
        entries = models[chosen[0]]
        needed, free = sum(e.file_size for e in entries), shutil.disk_usage(folder).free
        if needed > free:
            raise InputError(
                f"{source} unpacks to {needed / 1e9:.1f} GB, but {folder.parent} has {free / 1e9:.1f} GB left: "
                "set TMPDIR to a larger place"
            )
        depth = len(PurePosixPath(chosen[0]).parts)
        for entry in entries:
            target = folder.joinpath(*PurePosixPath(entry.filename.replace("\\", "/")).parts[depth:])
            if target.exists():
                raise InputError(
                    f"{source} holds {entry.filename} twice, and nobody knows which counts: fetch it again"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(entry) as stream, target.open("wb") as file:
                    shutil.copyfileobj(stream, file, 1 << 20)
            except _DAMAGED as error:
                raise InputError(
                    f"{source} is damaged or encrypted at {entry.filename} ({error}): fetch it again"
                ) from error
    return folder


def _is_whole(entries: Sequence[zipfile.ZipInfo]) -> bool:
    return {"dataset.json", "plans.json"} <= {PurePosixPath(e.filename).name for e in entries}
