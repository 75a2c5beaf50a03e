"""The notebooks run as they stand, and are kept with what they printed and drew; the patient's runs in tests/chain."""

import re
from pathlib import Path

import nbformat
import pytest
from notebook_run import NOTEBOOKS, drawn, printed, run


@pytest.mark.slow
def test_registrations_are_compared(tmp_path: Path) -> None:
    notebook = run(NOTEBOOKS["registrations"], tmp_path)
    assert drawn(notebook) == drawn(nbformat.read(NOTEBOOKS["registrations"], as_version=4))
    errors = {
        line[:12].strip(): float(line.split("median")[1].split("mm")[0])
        for line in printed(notebook).splitlines()
        if "median" in line
    }
    assert list(errors) == ["headers", "SimpleITK", "ours, rigid", "ours, auto"]
    assert max(errors["ours, rigid"], errors["ours, auto"]) < 0.5 * errors["headers"]


@pytest.mark.parametrize("name", sorted(NOTEBOOKS))
def test_what_is_kept_is_whole_and_quiet(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert not re.search(r"(/[\w.-]+){3}", printed(notebook))  # a path of the machine that it was run on
