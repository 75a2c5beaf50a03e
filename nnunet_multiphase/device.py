"""Choose the torch device a network runs on."""

from nnunet_multiphase.errors import InputError


def choose_device(name: str | None) -> str:
    """Take the device asked for if it is there; without a wish a GPU if there is one.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps" or None.

    Returns:
        A torch device's name.

    Raises:
        InputError: This machine, or this build of torch, has no such device.
    """
    import torch  # seconds: only when a network is about to run

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = {"cpu": 1, "cuda": gpus, "mps": int(torch.backends.mps.is_available())}
    if name is None:
        return "cuda" if gpus else "cpu"
    kind, sign, number = name.partition(":")
    # torch would say only at the first weights that a number is none, and in its own words.
    if not there.get(kind) or (sign and not (number.isdecimal() and int(number) < there[kind])):
        found = [
            device if count == 1 else f"{device}:{n}" for device, count in there.items() for n in range(count)
        ]
        raise InputError(
            f"device {name} is not to be had on this machine, which has {', '.join(found)}; pass --device with one of these"
        )
    return name
