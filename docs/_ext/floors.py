"""The floors of the house: which folder may import which, and the picture of who does (docs/images/structure.png).

`python docs/_ext/floors.py` draws it anew; tests/test_structure.py holds the code to it.
"""

from __future__ import annotations

from pathlib import Path

import grimp
import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch

OURS = "nnunet_multiphase"
ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "structure.png"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("api", "demo"),
    ("report",),
    ("benchmark", "patients"),
    ("prediction", "dataset"),
    ("dicom_out", "models"),
    ("measurement", "doctor"),
    ("evaluation", "dicom_import"),
    ("cases", "doctor_probe", "launch"),
    ("volumes", "alignment", "phantom", "dicomweb", "autoload"),
    ("dicom", "training", "planning"),
    ("registration", "words", "html", "network"),
)
"""From the door to the cellar. A room is a folder of `nnunet_multiphase`, one of its files, or `registration`; it imports
what lies lower, nothing else."""

GROUND = (
    "alone",
    "code_digest",
    "dataset_name",
    "device",
    "end_with_parent",
    "errors",
    "exchange",
    "extensions",
    "idle_threads",
    "json_file",
    "label_classes",
    "nnunet_multiphase",
    "phase_record",
    "phases",
    "prepared_images",
    "split_record",
    "table_cells",
    "table_text",
    "whole_file",
)
"""Files that every floor stands on: one place each for errors, tables, whole files, locks. They import each other alone."""


def imports() -> dict[str, set[str]]:
    """Say of each room what it imports, as the code has it; `nnunet_multiphase` is the package's own first file."""
    graph = grimp.build_graph(OURS, "registration", cache_dir=None, exclude_type_checking_imports=True)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        others = {room(other) for other in graph.find_modules_directly_imported_by(module)}
        found.setdefault(room(module), set()).update(others - {room(module)})
    return found


def room(module: str) -> str:
    """Name the room that a module lies in."""
    first, *further = module.split(".")
    if module == f"{OURS}.__main__":
        return "cli"  # another way in
    return further[0] if first == OURS and further else first


def draw(path: Path) -> None:
    """Draw the floors, an arrow where a room imports another one and no room between them does so already."""
    found = {name: others - set(GROUND) for name, others in imports().items() if name not in GROUND}
    places = {}
    for level, floor in enumerate(FLOORS):
        for name, x in zip(floor, _spread(len(floor), level), strict=True):
            places[name] = np.array([x, -float(level)])
    figure, axes = plt.subplots(figsize=(9, 9.5))
    for name, others in found.items():
        for other in others:
            if not any(other in _below(found, between) for between in others - {other}):
                arrow = FancyArrowPatch(
                    places[name] - (0, 0.2),
                    places[other] + (0, 0.2),
                    arrowstyle="-|>",
                    mutation_scale=9,
                    color="#8a97a6",
                    linewidth=0.9,
                    connectionstyle="arc3,rad=0.05",
                )
                axes.add_patch(arrow)
    for name, (x, y) in places.items():
        shown = name if name == "registration" or (ROOT / OURS / name).is_dir() else f"{name}.py"
        box = {"boxstyle": "round,pad=0.35", "facecolor": "#eef3f8", "edgecolor": "#33557a"}
        axes.text(x, y, shown, ha="center", va="center", fontsize=11, bbox=box)
    ground = "on the ground: " + ", ".join(name for name in GROUND if name != OURS)
    axes.text(
        0.5, -len(FLOORS) + 0.1, ground, ha="center", va="center", fontsize=8, wrap=True, color="#444444"
    )
    axes.set(xlim=(-0.02, 1.02), ylim=(-len(FLOORS) - 0.2, 0.5))
    axes.axis("off")
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def _spread(count: int, level: int) -> list[float]:
    step = 1 / (count + 1)
    shift = 0.06 if level % 2 else -0.06  # no arrow runs straight down through a room
    return [(i + 1) * step + shift for i in range(count)]


def _below(found: dict[str, set[str]], name: str) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        new = found.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


if __name__ == "__main__":
    draw(PICTURE)
