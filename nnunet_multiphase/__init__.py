"""Segment liver lesions on multi-phase CT with nnU-Net.

Kept free of imports: the interpreter's start-up (nnunet_multiphase_autoload.pth) passes through here.
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load `register` when it is asked for, so that importing the package stays free."""
    if name == "register":
        from nnunet_multiphase.autoload import register

        return register
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
