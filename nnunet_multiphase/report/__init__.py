"""Self-contained pages: the demo, a benchmark, a cohort, a patient and all patients."""

from nnunet_multiphase.moved import find_former_names

find_former_names()
