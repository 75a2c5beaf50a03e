"""What descriptions and mask labels say, under the name by which the import's readers know it."""

from nnunet_multiphase.words.delays import seconds_named
from nnunet_multiphase.words.descriptions import phases_named
from nnunet_multiphase.words.labels import mask_kind

__all__ = ["mask_kind", "phases_named", "seconds_named"]
