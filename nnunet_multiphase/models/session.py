"""Open a network of an exported model with ONNX Runtime or OpenVINO, whichever is wanted and installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.sliding_window import Network

PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime"}
"""Package that each runtime is, the quickest first; the extras of this package are called as the runtimes."""


def installed_runtimes() -> tuple[str, ...]:
    """Name the runtimes that are installed, the quickest first."""
    return tuple(name for name, package in PACKAGES.items() if find_spec(package) is not None)


def choose_runtime(wanted: str | None, compared: Collection[str] = ()) -> str:
    """Take the runtime asked for if it is installed; without a wish one that is.

    Args:
        wanted: Its name.
        compared: Runtimes with which the model was compared with torch when it was exported: the quickest of them is taken
            first, then ONNX Runtime.

    Raises:
        InputError: It is not installed, or none is.
    """
    there = installed_runtimes()
    if wanted is None and there:
        return next((name for name in there if name in compared), there[-1])
    if wanted is not None and wanted in there:
        return wanted
    needed = " or ".join(PACKAGES.values()) if wanted is None else PACKAGES[wanted]
    other = f", or use --runtime {there[0]}, which is installed" if there else ""
    raise InputError(f"an exported model needs {needed}, which is not installed: pip install it{other}")


class Networks:
    """Hold the networks of the folds that vote, one of them open at a time.

    An open one keeps the memory that a window needs, 2 GB and more for large patches; opening takes a fraction of a second.
    """

    def __init__(self, contents: Sequence[bytes], runtime: str, files: Sequence[Path]) -> None:
        """Take the content of each ONNX file, and the file for a message; arguments as of `open_network`."""
        self.contents, self.runtime, self.files = contents, runtime, files
        self._opened: tuple[int, Network] | None = None

    def __len__(self) -> int:
        """Count the folds."""
        return len(self.contents)

    def __getitem__(self, fold: int) -> Network:
        """Open one, unless it is the one that is, and close that.

        Raises:
            InputError: As `open_network`.
        """
        if self._opened is None or self._opened[0] != fold:
            self.close()
            self._opened = (fold, open_network(self.contents[fold], self.runtime, self.files[fold]))
        return self._opened[1]

    def __iter__(self) -> Iterator[Network]:
        """Open one after the other."""
        return (self[fold] for fold in range(len(self)))

    def close(self) -> None:
        """Give the memory back."""
        self._opened = None


def open_network(content: bytes, runtime: str, where: Path) -> Network:
    """Open one network.

    Args:
        content: Of the ONNX file.
        runtime: As `choose_runtime` gives it.
        where: The file, for a message.

    Raises:
        InputError: It is not a network this runtime can run; so does calling it, where it wants another input.
    """
    opened: Callable[[bytes], Network] = _openvino if runtime == "openvino" else _onnxruntime

    def refused(error: Exception) -> InputError:
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        return InputError(
            f"{where} is no network that {PACKAGES[runtime]} can run ({first}): export it again"
        )

    try:
        network = opened(content)
    except Exception as error:  # each runtime raises its own kinds
        raise refused(error) from error

    def run(window: np.ndarray) -> np.ndarray:
        try:
            return network(window)
        except Exception as error:
            raise refused(error) from error

    return run


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
    # Memory that is kept from one window to the next saves a seventh of the time. Planned ahead it would be twice as much.
    options.enable_mem_pattern = False
    # Threads that wait for one another sleep, as in idle_threads.py.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
