"""Training, short forms: the trainer with one setting changed, named in nnU-Net's habit."""

from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer


class MultiPhaseSCAMTrainer_tryout(MultiPhaseSCAMTrainer):
    """Take 5 steps: see that a dataset trains on this machine before giving it days."""

    epochs = 1
    iterations_per_epoch = 5
    val_iterations_per_epoch = 2


class MultiPhaseSCAMTrainer_1epoch(MultiPhaseSCAMTrainer):
    """Stop after 1 epoch: does everything run?"""

    epochs = 1


class MultiPhaseSCAMTrainer_5epochs(MultiPhaseSCAMTrainer):
    """Stop after 5 epochs."""

    epochs = 5


class MultiPhaseSCAMTrainer_10epochs(MultiPhaseSCAMTrainer):
    """Stop after 10 epochs."""

    epochs = 10


class MultiPhaseSCAMTrainer_20epochs(MultiPhaseSCAMTrainer):
    """Stop after 20 epochs."""

    epochs = 20


class MultiPhaseSCAMTrainer_50epochs(MultiPhaseSCAMTrainer):
    """Stop after 50 epochs."""

    epochs = 50


class MultiPhaseSCAMTrainer_100epochs(MultiPhaseSCAMTrainer):
    """Stop after 100 epochs."""

    epochs = 100


class MultiPhaseSCAMTrainer_250epochs(MultiPhaseSCAMTrainer):
    """Stop after 250 epochs."""

    epochs = 250


class MultiPhaseSCAMTrainer_500epochs(MultiPhaseSCAMTrainer):
    """Stop after 500 epochs."""

    epochs = 500


class MultiPhaseSCAMTrainerNoDeepSupervision(MultiPhaseSCAMTrainer):
    """Compute the loss on the full resolution only."""

    deep_supervision = False


class MultiPhaseSCAMTrainerNoMirroring(MultiPhaseSCAMTrainer):
    """Mirror neither in training nor at test time."""

    mirroring = False


class MultiPhaseSCAMTrainerRotation(MultiPhaseSCAMTrainer):
    """Add nnU-Net's random rotation to the method's augmentations."""

    rotation = True
