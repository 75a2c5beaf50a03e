"""Plan the network as nnU-Net does, with patch, stages, intensities and memory of our own."""
