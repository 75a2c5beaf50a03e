"""A checkpoint of version 0.1 keeps loading, and keeps its meaning."""

from pathlib import Path

import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT

# Plans, weights (far from their start) and the outputs of that version's network for one random image. Whoever changes
# the network must keep these; never write the file anew to make the test pass.
CHECKPOINT = Path(__file__).with_name("checkpoint_of_version_0_1.pt")


def test_a_checkpoint_of_the_first_version_loads_and_predicts_the_same():
    saved = torch.load(CHECKPOINT, weights_only=True)
    network = get_network_from_plans(
        saved["network_class"], saved["arch_kwargs"], ARCH_KWARGS_REQ_IMPORT, 4, 2, True, True
    ).eval()
    network.load_state_dict(saved["weights"])
    image = torch.randn(1, 4, 8, 16, 16, generator=torch.Generator().manual_seed(saved["image_seed"]))
    with torch.no_grad():
        outputs = network(image)
    assert [o.shape for o in outputs] == [o.shape for o in saved["outputs"]]
    for output, expected in zip(outputs, saved["outputs"], strict=True):
        # The outputs were kept in half precision: three digits.
        torch.testing.assert_close(output, expected.float(), rtol=2e-3, atol=2e-3)
