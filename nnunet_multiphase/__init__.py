"""Segment liver lesions on multi-phase CT with nnU-Net.

Kept free of imports: the interpreter's start-up (nnunet_multiphase_autoload.pth) passes through here.
"""

__version__ = "0.1.0"
