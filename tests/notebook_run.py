"""Run a notebook of the documentation, and say what it drew and printed."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = {path.stem: path for path in (Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb")}


def run(path: Path, place: Path) -> nbformat.NotebookNode:
    """Run a copy of a notebook; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(place)}}).execute()
    return notebook


def drawn(notebook: nbformat.NotebookNode) -> list[int]:
    """Count the pictures of each code cell."""
    return [
        sum("image/png" in output.get("data", {}) for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
    )
