"""One small network, exported once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from tiny_model import (
    Exported,
    copied,
    model_of,
    network,
    one_thread,
    patient,
    plans,
    record,
    single_precision,
)

from nnunet_multiphase.models.export import export_model
from nnunet_multiphase.prediction import NnUNetModel


@pytest.fixture(scope="module", autouse=True)
def _in_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("exported") / "model"
    with one_thread():
        net = network(3)
        model = model_of(net, plans(), record())
        _balance(net, model)
        equality = export_model(model, ["0"], folder)
    return Exported(net, model, folder, equality)


def _balance(net: torch.nn.Module, model: NnUNetModel) -> None:
    """Shift the heads so that each has its share of the voxels, else labels would show nothing."""
    head = net.decoder.seg_layers[-1]
    with torch.no_grad(), single_precision():
        for _ in range(3):
            logits = model.predictor.predict_logits_from_preprocessed_data(
                torch.from_numpy((patient() - 70) / 40)
            )
            head.bias -= torch.from_numpy(np.median(logits.numpy(), axis=(1, 2, 3)))
    model.predictor.list_of_parameters = [copied(net)]
