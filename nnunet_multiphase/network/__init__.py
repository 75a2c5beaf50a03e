"""The method's network: dilated convolutions, and spatial-channel aggregation on the skips."""
