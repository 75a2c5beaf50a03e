"""Score segmentations, by case and by lesion, and say how sure a difference is."""

from nnunet_multiphase.moved import find_former_names

find_former_names()
