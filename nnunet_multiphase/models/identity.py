"""Say which model answered, so that results can be told apart later."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MOST_SIGNS = 200
"""Of a name: an exported model's are a stranger's text, and go to terminal and page."""

UNTRAINED = "initial weights"
"""Stands for the checkpoint of a network that was never trained."""


@dataclass(frozen=True)
class Identity:
    """Hold what a reader of results has to know of the model; what is not known is None.

    Attributes:
        name: Of its folder or zip, without the folders above it, which are nobody's business.
        dataset: That it was trained on, as the plans call it.
        trainer: Class.
        plans: Identifier.
        checkpoint: File name in the folds' folders.
        folds: Whose networks voted.
        mirroring: Whether answers were averaged over mirrored input.
        step_size: From window to window, in patches.
        runtime: What ran it: torch, onnx or openvino.
    """

    name: str
    dataset: str | None
    trainer: str | None
    plans: str | None
    checkpoint: str | None
    folds: tuple[str, ...]
    mirroring: bool
    step_size: float
    runtime: str

    def record(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {**asdict(self), "folds": list(self.folds)}

    def told(self) -> str:
        """Give it as a line."""
        known = ", ".join(text for text in (self.dataset, self.trainer, self.plans) if text is not None)
        parts = [
            f"{self.name} ({known})" if known else self.name,
            f"fold{'s' * (len(self.folds) > 1)} {', '.join(self.folds)}",
            self.checkpoint,
            "with mirroring" if self.mirroring else "without mirroring",
            f"steps of {self.step_size:g} patches",
            f"by {self.runtime}",
        ]
        return ", ".join(part for part in parts if part is not None)


def identity_of(model: object) -> Identity | None:
    """Give what is known of a model; None of one that another program made, which need not tell."""
    found = getattr(model, "identity", None)
    return found if isinstance(found, Identity) else None


def name_of(source: Path) -> str:
    """Name a model by its folder or zip, however the path to it was written."""
    return Path(os.path.abspath(source)).name


def text_or_none(value: object) -> str | None:
    """Take a name from a model's own files, whatever stands there."""
    return value[:MOST_SIGNS] if isinstance(value, str) and value else None
