"""Collect what benchmarks/gpu.py measures, and write it as it comes."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STEP_COLUMNS = ("contestant", "mode", "s_per_step", "peak_mib", "m_parameters", "gmac", "note")
TRAINING_COLUMNS = (
    *("contestant", "mode", "steps", "seconds", "loss", "dice", "lesion_f1"),
    *("false_positives_per_case", "training_cases", "held_out_cases", "note"),
)
PROVENANCE = ("device", "torch", "commit", "seed")


class Table:
    """Collect lines, and write them as they come."""

    def __init__(self, folder: Path, provenance: dict[str, Any], settings: dict[str, Any]) -> None:
        self.folder, self.provenance, self.settings = folder, provenance, settings
        self.steps: list[dict[str, Any]] = []
        self.trainings: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.write()

    def add(self, lines: list[dict[str, Any]], line: dict[str, Any]) -> None:
        """Add a line to one of the two lists, write all, and say it."""
        lines.append(line | self.provenance)
        self.write()
        print(", ".join(f"{key} {_cell(value)}" for key, value in line.items()), flush=True)

    def write(self) -> None:
        """Write both files beside, then rename them."""
        content = {"settings": self.settings, "steps": self.steps, "trainings": self.trainings}
        tables = [
            ("One training step", self.steps, STEP_COLUMNS),
            ("Equal time to train", self.trainings, TRAINING_COLUMNS),
        ]
        pages = "\n".join(
            _markdown(title, lines, (*columns, *PROVENANCE)) for title, lines, columns in tables
        )
        for name, text in (
            ("gpu.json", json.dumps(_without_nan(content), indent=1) + "\n"),
            ("gpu.md", pages),
        ):
            partial = self.folder / f".{name}.partial"
            partial.write_text(text, encoding="utf-8")
            partial.replace(self.folder / name)


def _without_nan(value: Any) -> Any:
    """Replace nan and infinity, which JSON has not, by null."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "/")


def _markdown(title: str, lines: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    rows = [list(columns), ["---"] * len(columns)]
    rows += [[_cell(line[column]) if column in line else "" for column in columns] for line in lines]
    return "\n".join([f"## {title}", "", *("| " + " | ".join(row) + " |" for row in rows), ""])
