"""Run an exported model: nnU-Net's steps around the network without torch and nnU-Net."""
