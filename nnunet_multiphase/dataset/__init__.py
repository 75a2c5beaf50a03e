"""Make an nnU-Net dataset of a raw cohort."""
