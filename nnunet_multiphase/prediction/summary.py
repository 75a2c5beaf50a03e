"""Tell a prediction in a few lines."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from nnunet_multiphase.alignment import AlignedPhases
from nnunet_multiphase.data.quality import shown_by
from nnunet_multiphase.prediction.write import CasePrediction


def prediction_summary(prediction: CasePrediction) -> str:
    """Tell the result in a few lines for the terminal."""
    aligned = prediction.aligned
    lines = [f"{prediction.case}: {len(prediction.lesions)} lesion(s) -> {prediction.segmentation}"]
    for lesion in prediction.lesions:
        shown = ", ".join(f"{phase} {value:.0f}" for phase, value in lesion.mean_hu.items())
        lines.append(
            f"  lesion {lesion.id}: {lesion.volume_ml:.2f} ml, {lesion.diameter_mm:.1f} mm, mean HU {shown}"
        )
    if aligned.results:
        regions = {result.region for result in aligned.results.values()}
        lines.append(f"  registered to {aligned.reference} on {_fitted(regions)}")
    lines += [f"  accepted: {text}" for text in prediction.accepted]
    lines += [f"  look at the registration of {warning}" for warning in prediction.warnings]
    if prediction.filled:
        lines.append(
            f"  without {', '.join(prediction.filled)}: filled with air, expect a less certain result"
        )
    outside, partly = coverage_shares(aligned)
    if outside >= 0.005:
        lines.append(
            f"  {100 * outside:.0f} % of the {aligned.reference} volume lies beyond what {shown_by(aligned)} show: "
            "not looked at, background"
        )
    if partly >= 0.005:
        lines.append(f"  {100 * partly:.0f} % was looked at without the phases that have no data there")
    return "\n".join(lines)


def failed_phases(prediction: CasePrediction) -> list[str]:
    """List the phases whose registration judged itself failed."""
    results = prediction.aligned.results
    return [phase for phase, result in results.items() if result.verdict == "failed"]


def coverage_shares(aligned: AlignedPhases) -> tuple[float, float]:
    """Tell what share of the reference volume was not looked at, and what share lacked some phase.

    Returns:
        Share outside the crop box; share inside it where not every phase has data. Both 0..1.
    """
    full = float(np.prod(aligned.full_size))
    inside = float(np.prod(aligned.box[1])) / full
    return 1.0 - inside, inside - aligned.covered_fraction


def _fitted(regions: Collection[str]) -> str:
    """Say what the registration held on to, by the least certain of the phases."""
    if "body" in regions:
        return "the whole body, where no liver was found: the liver may be off"
    return "the liver, found without a mask" if "liver" in regions else "the liver mask"
