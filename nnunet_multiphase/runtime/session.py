"""Open a network of an exported model with ONNX Runtime or OpenVINO, whichever is wanted and installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.runtime.sliding_window import Network

PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
"""Package that each runtime is, the first choice first; the extras of this package are called as the runtimes."""


def installed_runtimes() -> tuple[str, ...]:
    """Name the runtimes that are installed, the first choice first."""
    return tuple(name for name, package in PACKAGES.items() if find_spec(package) is not None)


def choose_runtime(wanted: str | None) -> str:
    """Take the runtime asked for if it is installed; without a wish the first that is.

    Raises:
        InputError: It is not installed, or none is.
    """
    there = installed_runtimes()
    if wanted is None and there:
        return there[0]
    if wanted is not None and wanted in there:
        return wanted
    needed = " or ".join(PACKAGES.values()) if wanted is None else PACKAGES[wanted]
    other = f", or use --runtime {there[0]}, which is installed" if there else ""
    raise InputError(f"an exported model needs {needed}, which is not installed: pip install it{other}")


def open_network(content: bytes, runtime: str, where: Path) -> Network:
    """Open one network.

    Args:
        content: Of the ONNX file.
        runtime: "onnx" or "openvino".
        where: The file, for a message.

    Raises:
        InputError: It is not a network this runtime can run.
    """
    opened: Callable[[bytes], Network] = _openvino if runtime == "openvino" else _onnxruntime
    try:
        return opened(content)
    except Exception as error:  # each runtime raises its own kinds
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{where} is no network that {PACKAGES[runtime]} can run ({first}): export it again"
        ) from error


def threads() -> int:
    """Tell how many threads to work with: OMP_NUM_THREADS, else as many as this process may use cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _onnxruntime(content: bytes) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3  # errors only
    # Else each fold keeps all that one window needed: 1.2 GB for 64 x 160 x 160 voxels. It is no slower without.
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(window: np.ndarray) -> np.ndarray:
        return session.run(None, {name: window})[0]

    return run


def _openvino(content: bytes) -> Network:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(content),
        "CPU",
        # Some processors would otherwise compute in bfloat16.
        {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads()},
    )
    request = compiled.create_infer_request()

    def run(window: np.ndarray) -> np.ndarray:
        return np.array(request.infer([window], share_inputs=True)[0])

    return run
