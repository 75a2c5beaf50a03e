"""Align one moving CT volume to one reference volume, rigidly, by mutual information."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registration.algorithm import register
    from registration.reference import PreparedReference
    from registration.settings import RegistrationResult, RegistrationSettings

__all__ = ["PreparedReference", "RegistrationResult", "RegistrationSettings", "register"]


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that importing the package stays light."""
    if name == "register":
        from registration.algorithm import register

        return register
    if name == "PreparedReference":
        from registration.reference import PreparedReference

        return PreparedReference
    if name in ("RegistrationResult", "RegistrationSettings"):
        from registration import settings

        return getattr(settings, name)
    raise AttributeError(f"module 'registration' has no attribute {name!r}")
