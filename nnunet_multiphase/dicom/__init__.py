"""From a DICOM tree to case folders: find series, split, lay out, name the phase, choose, write."""

from nnunet_multiphase.moved import find_former_names

find_former_names()
