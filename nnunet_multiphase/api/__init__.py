"""The steps as functions for other programs; `nnunet_multiphase` names what is public."""
