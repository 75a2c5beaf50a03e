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

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name is None:
        return "cuda" if there["cuda"] else "cpu"
    if not there.get(name.split(":")[0]):
        found = ", ".join(device for device, is_there in there.items() if is_there)
        raise InputError(
            f"device {name} is not to be had on this machine, which has {found}; pass --device with one of these"
        )
    return name
