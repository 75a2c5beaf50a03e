"""Notice a volume that two patients of one run share, as a file copied into the wrong folder."""

from __future__ import annotations

from dataclasses import replace

from nnunet_multiphase.prediction.prepare import PreparedCase


class SharedVolumes:
    """Compare each patient's phases with those of the patients before."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, str]] = {}  # digest of voxels -> patient and phase

    def told(self, prepared: PreparedCase) -> PreparedCase:
        """Take a patient; give him with what is doubtful of his phases for it."""
        name = prepared.case.name
        doubts = []
        for phase, digest in prepared.voxels.items():
            other, its_phase = self._seen.setdefault(digest, (name, phase))
            if other != name:
                doubts.append(
                    f"{phase} holds the same voxels as {its_phase} of {other}: one of the two is another patient's, or both "
                    "are one patient; look at their files"
                )
        return replace(prepared, doubts=(*prepared.doubts, *doubts)) if doubts else prepared
