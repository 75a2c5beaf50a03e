"""Load a model of either kind: what nnU-Net trained, run by torch, or what was exported, run without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.description import is_exported
from nnunet_multiphase.models.identity import name_of
from nnunet_multiphase.models.model import Model
from nnunet_multiphase.models.model_folder import Folds

RUNTIMES = ("torch", "onnx", "openvino")


def load_for_runtime(
    source: Path,
    runtime: str | None = None,
    *,
    wanted: str,
    folds: Folds | None = None,
    device: str | None = None,
    checkpoint: str = "checkpoint_final.pth",
    mirroring: bool = True,
    step_size: float = 0.5,
    trusted: bool = False,
) -> Model:
    """Load a model from wherever it lies.

    Args:
        source: Folder nnU-Net trained into, zip of one, or folder that `nnunet-multiphase export` wrote.
        runtime: One of `RUNTIMES`; None: torch for what nnU-Net trained, else openvino or onnx, whichever is installed.
        wanted: <trainer>__<plans>__<configuration>, which decides where a zip holds several models.
        folds: Fold or folds whose networks vote, by number, or "all"; None: all there are, but fold_all only if it is alone.
        device: For torch; None: a GPU if there is one.
        checkpoint: File name in the folds' folders, for torch.
        mirroring: Average over mirrored inputs.
        step_size: From window to window, in patches; more is faster and rougher.
        trusted: Load it whatever it holds; an exported model needs no trust.

    Raises:
        InputError: The model is damaged, not to be trusted, or none that the runtime can run.
    """
    if not 0 < step_size <= 1:
        raise InputError(f"step_size {step_size}: expected a share of the patch, above 0 and at most 1")
    if source.is_dir() and is_exported(source):
        if runtime == "torch":
            raise InputError(
                f"{source} is an exported model, which torch cannot run: leave --runtime torch out, or name the folder that "
                "nnU-Net trained"
            )
        if device not in (None, "cpu"):
            raise InputError(f"--device {device}: an exported model runs on the CPU; leave it out")
        from nnunet_multiphase.models.exported_model import load_exported_model

        return load_exported_model(source, folds, runtime=runtime, mirroring=mirroring, step_size=step_size)
    from nnunet_multiphase.models.model_source import opened_model
    from nnunet_multiphase.models.nnunet_model import load_model

    if runtime not in (None, "torch"):
        raise InputError(
            f"--runtime {runtime}: {source} is no exported model; make one with "
            f"`nnunet-multiphase export {source} -o DIR` and name that"
        )
    with opened_model(source, wanted, trusted=trusted) as folder:
        lacking = [name for name in ("torch", "nnunetv2") if find_spec(name) is None]
        if lacking:
            raise InputError(
                f"{source} is a model of nnU-Net and needs {' and '.join(lacking)}, not installed here: install "
                "nnunet-multiphase with its dependencies, or export the model where they are (nnunet-multiphase export)"
            )
        from nnunet_multiphase.device import choose_device

        with _kept_backend():
            model = load_model(
                folder,
                folds,
                device=choose_device(device),
                checkpoint=checkpoint,
                mirroring=mirroring,
                step_size=step_size,
                trusted=trusted,
            )
    if model.identity is not None:  # a zip was unpacked into a folder of a name that means nothing
        model.identity = replace(model.identity, name=name_of(source))
    return model


@contextmanager
def _kept_backend() -> Iterator[None]:
    """Leave matplotlib drawing where it did: nnU-Net turns it off for the whole process, and a notebook shows no picture."""
    import matplotlib

    # As it stands there: asking for it would choose one, and load it.
    chosen = dict.__getitem__(matplotlib.rcParams, "backend")
    pyplot = sys.modules.get("matplotlib.pyplot")
    drawing = None if pyplot is None else pyplot.get_backend()
    try:
        yield
    finally:
        if pyplot is not None and pyplot.get_backend() != drawing:
            pyplot.switch_backend(drawing)
        dict.__setitem__(matplotlib.rcParams, "backend", chosen)
