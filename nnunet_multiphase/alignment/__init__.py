"""Bring the phases of a case to one of them, measure how that went, and draw it."""

_FORMER = (
    "AlignedPhases",
    "Box",
    "FindTransform",
    "align_phases",
    "bounding_box",
    "box_slices",
    "crop",
    "data_box",
    "signed",
)
"""What this was a module of, until the release after 0.1.0."""


def __getattr__(name: str) -> object:
    """Give what has gone to `alignment.align`, with a warning."""
    if name not in _FORMER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import warnings
    from importlib import import_module

    warnings.warn(f"{__name__}.{name} lies in {__name__}.align now", DeprecationWarning, stacklevel=2)
    return getattr(import_module(f"{__name__}.align"), name)
