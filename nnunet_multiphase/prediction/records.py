"""Keep beside predictions what their labels mean, and two models apart that mean different things."""

from __future__ import annotations

import json
from pathlib import Path

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.label_classes import read_record
from nnunet_multiphase.models.model import Model

LABEL_KEYS = ("labels", "regions_class_order", "file_ending")
"""What of a dataset.json says what labels mean; the rest is of the training data."""


def refuse_other_labels(model: Model, output: Path) -> None:
    """Raise InputError where the folder for the results holds predictions with other labels than the model's."""
    found = read_record(output)
    labels = model.record["labels"]
    if found is not None and found[1]["labels"] != labels:
        raise InputError(
            f"{found[0]} says that predictions with other labels lie there ({json.dumps(found[1]['labels'])}, now "
            f"{json.dumps(labels)}); choose another -o"
        )


def write_label_record(model: Model, output: Path) -> Path:
    """Write beside the predictions what their labels mean, as nnU-Net does: `evaluate` reads it."""
    record = {key: model.record[key] for key in LABEL_KEYS if key in model.record}
    path = output / "dataset.json"
    return path if path.exists() else write_json(path, record)
