"""Training, short forms: the trainer with one setting changed, named in nnU-Net's habit."""

from nnunet_multiphase.training.convergence import has_converged
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


class MultiPhaseSCAMTrainerNoPhaseDropout(MultiPhaseSCAMTrainer):
    """Train with every phase that is there: for cohorts, now and later, where none is ever missing."""

    fixed = ("phase_dropout",)
    phase_dropout = 0.0


class MultiPhaseSCAMTrainerNoMisalignment(MultiPhaseSCAMTrainer):
    """Leave the phases where the registration has put them."""

    fixed = ("misalignment",)
    misalignment = 0.0


class MultiPhaseSCAMTrainerEarlyStopping(MultiPhaseSCAMTrainer):
    """Stop when the validation loss has not fallen for `patience` epochs, as the method's source trains.

    The learning rate still falls as if all epochs were to come, so the last weights have not settled as those of a full
    training: validate (--val --val_best) and predict (-chk checkpoint_best.pth) with checkpoint_best.
    """

    patience = 50

    def on_epoch_end(self) -> None:
        """End the epoch, and with it the training where the loss has converged."""
        super().on_epoch_end()
        if self._has_converged():
            raise _ConvergedError

    def run_training(self) -> None:
        """Train until the last epoch or until the loss has converged."""
        if self._has_converged():
            # Resumed after its end: as for any finished training, no epoch is left.
            self.num_epochs = self.current_epoch
        try:
            super().run_training()
        except _ConvergedError:
            self.print_to_log_file(
                f"Stopped: the validation loss has not fallen for {self.patience} epochs (running average)."
            )
            self.on_train_end()

    def _has_converged(self) -> bool:
        return has_converged(self.logger.get_value("val_losses", step=None), patience=self.patience)


class _ConvergedError(Exception):
    """Leave nnU-Net's loop over the epochs, whose length is fixed when it starts."""
