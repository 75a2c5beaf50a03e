"""Answer nnU-Net's search of the folder named by nnUNet_extTrainer with the installed package's trainers.

The only file of this folder: nnU-Net imports every module it finds there.
"""

from typing import Any

from nnunet_multiphase.autoload import TRAINER_DOOR, load_class


def __getattr__(name: str) -> Any:
    """Return the installed trainer of that name."""
    return load_class(TRAINER_DOOR, name)
