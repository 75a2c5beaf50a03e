"""Regions that nnU-Net writes over one another: an order that never gives one of the labels is refused."""

import numpy as np
import pytest
import torch
from nnunetv2.utilities.label_handling.label_handling import LabelManager

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.label_classes import refuse_lost_labels, told_of_lost_labels

LIVER, LESION = {"liver": [1, 2]}, {"lesion": 2}
BRATS = {"whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}


def record(regions: dict, order: object, **further: int) -> dict:
    return {"labels": {"background": 0, **regions, **further}, "regions_class_order": order}


@pytest.mark.parametrize(
    ("regions", "order"),
    [
        (LIVER | LESION, [1, 2]),
        ({"liver": [1, 2], "lesion": [2]}, [1, 2]),
        (BRATS, [1, 2, 3]),
        ({"kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2}, [1, 3, 2]),
        ({"whole": [1, 2, 3], "core": [2, 3]}, [1, 2]),  # nobody wants 3
        ({"one": [1, 2], "other": [2, 3]}, [1, 3]),  # nor what both hold
        ({"vessel": 4} | LIVER | LESION, [4, 1, 2]),
    ],
)
def test_orders_that_keep_every_label_are_taken(regions: dict, order: list[int]):
    assert told_of_lost_labels(record(regions, order)) == ""
    assert told_of_lost_labels(record(regions, order, ignore=5)) == ""
    # nnU-Net itself, shown regions that are all right.
    manager = LabelManager({"background": 0, **regions}, order)
    for value in order:
        found = [float(value in np.atleast_1d(of)) for of in manager.all_regions]
        heads = torch.tensor(found)[:, None, None, None]
        assert manager.convert_probabilities_to_segmentation(heads).item() == value


@pytest.mark.parametrize(
    ("regions", "order", "told"),
    [
        (LIVER | LESION, [2, 1], r"writes 1 where lesion \(2\) is found: set it to \[1, 2\]"),
        (LESION | LIVER, [1, 2], r"writes 1 where lesion \(2\) is found: name larger regions before"),
        (LESION | LIVER, [2, 1], r"never gives 2 \(lesion\): a later region writes 1 over it: name larger"),
        (BRATS, [1, 3, 3], r"writes 3 for core and enhancing, .*: set it to \[1, 2, 3\]"),
        (LIVER | LESION, [1], r"is \[1\]: expected one number for each of the regions liver, lesion"),
        (LIVER | LESION, None, r"is None: expected"),
        (LIVER | LESION, ["1", "2"], r"writes '1'"),
    ],
)
def test_an_order_that_never_gives_a_label_is_refused(regions: dict, order: object, told: str):
    with pytest.raises(InputError, match=rf"dataset.json: regions_class_order .*{told}"):
        refuse_lost_labels(record(regions, order), "dataset.json")


def test_plain_labels_need_no_order():
    assert told_of_lost_labels({"labels": {"background": 0, "lesion": [1]}}) == ""
    assert told_of_lost_labels({"labels": "none"}) == ""
