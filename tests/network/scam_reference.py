"""The method's formulas of SCAM in numpy, with the upsampling first and with the concatenation."""

import numpy as np
import torch
from scipy.ndimage import correlate1d


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_channel_weighting(layer, x):
    """sigmoid(F(GAP(x))) * x, F a zero-padded correlation along the channels."""
    kernel = layer.conv.weight.detach().numpy()[0, 0]
    pooled = x.reshape(*x.shape[:2], -1).mean(-1)
    local = correlate1d(pooled, kernel, axis=1, mode="constant") + layer.conv.bias.item()
    return x * sigmoid(local)[:, :, None, None, None]


def numpy_pointwise(weight, bias, x):
    """A 1x1x1 convolution as a matrix product."""
    y = np.einsum("oc,bc...->bo...", weight.detach().numpy()[:, :, 0, 0, 0], x)
    return y if bias is None else y + bias.detach().numpy()[None, :, None, None, None]


def plain_gate(gate, x, up_g):
    """CA(x, g) with the upsampling first and with the concatenation."""
    both = np.concatenate(
        [
            numpy_pointwise(gate.project_x.weight, gate.project_x.bias, x),
            numpy_pointwise(gate.project_g.weight, gate.project_g.bias, up_g),
        ],
        1,
    )
    weight = torch.cat([gate.weigh_x.weight, gate.weigh_g.weight], 1)
    return x * sigmoid(numpy_pointwise(weight, gate.weigh_x.bias, np.maximum(both, 0)))


def numpy_scam(scam, x, up_g):
    """SA(CA(SA(x), g)) for g upsampled already."""
    y = plain_gate(scam.gate, numpy_channel_weighting(scam.weigh_in, x), up_g)
    return numpy_channel_weighting(scam.weigh_out, y)
