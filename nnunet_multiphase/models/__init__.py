"""Say what a model is, and run one: what nnU-Net trained, by its predictor, or an export, without torch and nnU-Net."""
