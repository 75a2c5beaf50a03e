"""Step 0: say what to install where the DICOM libraries are missing."""

from __future__ import annotations

from importlib.util import find_spec

from nnunet_multiphase.errors import InputError


def require_dicom_libraries() -> None:
    """Check that pydicom and highdicom can be imported.

    Raises:
        InputError: One of them is not installed.
    """
    missing = [name for name in ("pydicom", "highdicom") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"reading DICOM needs {' and '.join(missing)}, which this environment lacks: "
            'run pip install "nnunet-multiphase[dicom]"'
        )
