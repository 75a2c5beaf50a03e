"""Where cases, volumes and datasets were; see `moved`."""

from nnunet_multiphase.moved import find_former_names

find_former_names()
