"""Training, weights from elsewhere: notice those of other phases or of another network.

nnU-Net compares names and shapes alone, and neither tells in which order the phases were shown, nor how far apart the taps
of a convolution lie. Every checkpoint holds the dataset.json and the plans of its training, which do.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.trained_with import network_arguments


def watch_pretrained_weights(network: nn.Module, now: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Compare the checkpoint of `-pretrained_weights` with a training, when nnU-Net loads it into the network.

    nnU-Net hands the tensors to the network and the rest of the checkpoint to nobody, so it is read where it lies: in the
    local variables of the function that loads. Should that function change its names, nothing is compared.

    Args:
        network: Without the wrappers of torch.compile and DDP.
        now: The trainer's `my_init_kwargs`.
        say: Takes what is no reason to stop.
    """

    def look(*_: object) -> None:
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_name != "load_pretrained_weights":
            frame = frame.f_back  # type: ignore[assignment]
        if frame is None:
            return  # a checkpoint that is gone on from: the trainer compares it itself
        checkpoint = frame.f_locals.get("saved_model")
        if isinstance(checkpoint, Mapping):
            name = f"the pretrained weights {frame.f_locals.get('fname', '')}".rstrip()
            compare_trainings(name, checkpoint.get("init_args") or {}, now, say)

    network.register_load_state_dict_pre_hook(look)


def compare_trainings(
    name: str, before: Mapping[str, Any], now: Mapping[str, Any], say: Callable[[str], None]
) -> None:
    """Refuse weights that read a phase from another channel, and say how else their training differs from this one.

    Args:
        name: What the weights are called.
        before: `init_args` of their checkpoint.
        now: The same of this training.
        say: Takes what is no reason to stop.

    Raises:
        InputError: A phase of both trainings is another channel of each.
    """
    then, here = (tuple((of.get("dataset_json") or {}).get("phases") or ()) for of in (before, now))
    if here and any(phase in then and then.index(phase) != here.index(phase) for phase in here):
        raise InputError(
            f"{name} were trained on the phases {', '.join(then)}, but dataset.json has {', '.join(here)}: a phase would be "
            "shown to another's filters; make the dataset with setup_dataset.py --phases in the order of the weights, or "
            "train without them"
        )
    if here and not then:
        say(
            f"WARNING: {name} do not say on which phases they were trained; here these are {', '.join(here)}."
        )
    elif here and then != here:
        say(
            f"WARNING: {name} were trained on the phases {', '.join(then)}, here these are {', '.join(here)}."
        )
    networks = [network_arguments(of, of.get("configuration", "")) for of in (before, now)]
    if all(networks):
        one, other = networks
        differing = sorted(key for key in one | other if one.get(key) != other.get(key))
        if differing:
            say(
                f"WARNING: {name} are of a network that computes something else of the same weights: it differs in "
                f"{', '.join(differing)}. Train without them unless you want that."
            )
