"""Say how much of the reference was looked at."""

from __future__ import annotations

import numpy as np

from nnunet_multiphase.alignment.align import AlignedPhases


def coverage_shares(aligned: AlignedPhases) -> tuple[float, float]:
    """Tell what share of the reference volume was not looked at, and what share lacked some phase.

    Returns:
        Share outside the crop box; share inside it where not every phase has data. Both 0..1.
    """
    full = float(np.prod(aligned.full_size))
    inside = float(np.prod(aligned.box[1])) / full
    return 1.0 - inside, inside - aligned.covered_fraction
