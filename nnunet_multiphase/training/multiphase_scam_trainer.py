"""Training, the whole: nnU-Net's trainer with the method's loss, optimiser, augmentation and selection.

Found by name through `nnUNetv2_train ... -tr MultiPhaseSCAMTrainer`. Everything else (data loading, DDP,
resuming, validation, export) is nnU-Net's.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.network.dilated_scam_unet import DilatedSCAMUNet
from nnunet_multiphase.network.patch_fit import undivided
from nnunet_multiphase.phase_record import told_of_unknown_cases
from nnunet_multiphase.training.augmentation import follow_method, patch_size_before_scaling
from nnunet_multiphase.training.compared_trainer import ComparedTrainer
from nnunet_multiphase.training.divergence import refuse_divergence
from nnunet_multiphase.training.focal_dice import FocalDiceLoss
from nnunet_multiphase.training.phase_augmentation import drop_phases, misalign_phases
from nnunet_multiphase.training.phase_channels import PhaseChannels, read_phase_channels
from nnunet_multiphase.training.plans_file import refuse_plans_under_another_name, told_of_other_network
from nnunet_multiphase.training.plans_settings import SETTINGS, read_settings
from nnunet_multiphase.training.pretrained import watch_pretrained_weights

COPIED = {
    "epochs": "num_epochs",
    "iterations_per_epoch": "num_iterations_per_epoch",
    "val_iterations_per_epoch": "num_val_iterations_per_epoch",
    "learning_rate": "initial_lr",
    "deep_supervision": "enable_deep_supervision",
}
"""Settings of the class -> nnU-Net's attribute that takes their place once a trainer is made."""


class MultiPhaseSCAMTrainer(ComparedTrainer):
    """Train with focal + Dice loss and Adam; keep the weights with the lowest validation loss.

    Class attributes are the settings; a variant overrides them (see `variants`), and the plans override those in
    `plans_settings.SETTINGS`.
    """

    epochs = 1000
    iterations_per_epoch = 250
    val_iterations_per_epoch = 50
    learning_rate = 3e-3
    """Better than the usual 1e-3 in trainings of 1000 steps (docs/results_network.md); not measured over full ones."""
    seed = 12345
    """Seeds the network's initial weights (augmentation workers seed themselves, as in nnU-Net)."""
    deep_supervision = True
    rotation = False
    """The method lists no rotation; the Rotation variant switches nnU-Net's on."""
    mirroring = True

    fixed: tuple[str, ...] = ()
    """Settings that a variant is named for: plans that say otherwise are refused."""

    phase_dropout = 0.3
    """Share of the training samples that lose phases, so that the network learns to do without."""
    misalignment = 0.3
    """Share of the phases, other than the reference, that are moved."""
    misalignment_ok_mm = 0.5
    """What a registration judged "ok" leaves at least, because a liver also bends; its expected error decides, if larger."""
    misalignment_doubtful_mm = 3.0
    """The same for any other verdict, where no expected error is known: half a breath. The most in any case."""

    alpha = 0.75
    """Focal loss: weight of the foreground; the background has 1 - alpha."""
    gamma = 2.0
    """Focal loss: exponent that mutes voxels already decided."""
    a = 1.0
    """Weight of the focal loss."""
    b = 1.0
    """Weight of the Dice loss."""

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008 (nnU-Net's signature, read by name)
    ) -> None:
        self.plans_as_read = dict(plans)
        settings = read_settings(plans, self)
        values = {name: value for entry in settings.values() for name, value in entry.items()}
        for name, value in values.items():
            if name in self.fixed and value != getattr(self, name):
                raise InputError(
                    f"{type(self).__name__} has {name} {getattr(self, name):g}, but the plans say {value:g}; "
                    "take that out of the plans, or train with another -tr"
                )
        self.named_in_plans = frozenset(plans)
        # Written back, so that plans.json beside the model and every checkpoint tell what was trained with.
        super().__init__({**plans, **settings}, configuration, fold, dataset_json, device)
        for name, value in values.items():
            setattr(self, name, value)
        self.set_by_plans = {
            name: float(value) for entry in SETTINGS for name, value in plans.get(entry, {}).items()
        }
        self.copied = {name: getattr(self, name) for name in COPIED}
        for name, nnunets in COPIED.items():
            setattr(self, nnunets, self.copied[name])
        # In Adam an L2 term is divided by the gradient's running size: with this loss, whose gradients fade
        # as voxels are decided, it would grow into the strongest force on the weights.
        self.weight_decay = 0.0
        self.loss_of_saved_best = math.inf  # of the checkpoint_best found when resuming
        self.phase_channels: PhaseChannels | None = None
        self.phase_rng = np.random.default_rng(self.seed)

    def initialize(self) -> None:
        """Build network, optimiser and loss; the initial weights come from `seed` alone.

        Raises:
            InputError: A subclass has changed a setting where that has no effect, or the plans lie under another name.
        """
        if self.preprocessed_dataset_folder_base is not None:
            refuse_plans_under_another_name(Path(self.preprocessed_dataset_folder_base), self.plans_as_read)
        for name, nnunets in COPIED.items():
            if getattr(self, name) not in (self.copied[name], getattr(self, nnunets)):
                raise InputError(
                    f"{type(self).__name__} sets {name} after MultiPhaseSCAMTrainer.__init__, where nobody reads it: "
                    f"make it an attribute of the class, or set nnU-Net's {nnunets}"
                )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            super().initialize()
        self.phase_channels = self._read_phases()
        watch_pretrained_weights(
            _without_wrappers(self.network), vars(self)["my_init_kwargs"], self.print_to_log_file
        )

    def on_train_start(self) -> None:
        """Refuse a patch that the network cannot halve, write down the settings in force, and start as nnU-Net does.

        Only here: what was trained with such a patch is still validated, predicts, and goes on with a warning.
        """
        if not self.was_initialized:
            self.initialize()
        network = _without_wrappers(self.network)
        if isinstance(network, DilatedSCAMUNet):
            problem = undivided(self.configuration_manager.patch_size, network.strides)
            if problem and self.current_epoch == 0:
                raise InputError(f"plans, {self.configuration_name}: {problem}")
            if problem:
                self.print_to_log_file(
                    f"WARNING: {self.configuration_name}: {problem} for the next training."
                )
        else:
            self.print_to_log_file(told_of_other_network(self.plans_manager.plans, network))
        self._write_down_settings()
        super().on_train_start()

    def _settings_in_force(self) -> dict[str, dict[str, float]]:
        """Give all settings as they are now: a subclass may have set them by nnU-Net's habit, after `__init__`."""
        return {
            entry: {name: float(getattr(self, COPIED.get(name, name))) for name in names}
            for entry, names in SETTINGS.items()
        }

    def _write_down_settings(self) -> None:
        """Let plans.json beside the model and every checkpoint tell the settings that are trained with."""
        now = self._settings_in_force()
        for name, value in (item for values in now.values() for item in values.items()):
            if self.set_by_plans.get(name, value) != value:
                self.print_to_log_file(
                    f"WARNING: {name} is {value:g}, not {self.set_by_plans[name]:g} as the plans say: "
                    f"{type(self).__name__} sets it."
                )
        self.plans_manager.plans.update(now)
        self._let_checkpoints_tell(now)

    def _let_checkpoints_tell(self, settings: dict[str, dict[str, float]]) -> None:
        """Put settings among the arguments that nnU-Net saves with the weights."""
        arguments: dict[str, Any] = vars(self)["my_init_kwargs"]
        self.my_init_kwargs = {**arguments, "plans": {**arguments["plans"], **settings}}

    def _read_phases(self) -> PhaseChannels | None:
        """Read what dataset.json says about the phases, and log what will be done with it."""
        schemes = self.configuration_manager.normalization_schemes
        channels = read_phase_channels(self.dataset_json, self.plans_manager.plans, schemes)
        if channels is None:
            known = self.dataset_json.get("phases") and self.dataset_json.get("reference_phase")
            why = (
                f"the plans do not normalise them all as CT ({', '.join(schemes)})"
                if known
                else "dataset.json does not say which channel is a case's reference"
            )
            self.print_to_log_file(f"Phases: none dropped or moved, {why}")
        else:
            self.print_to_log_file(
                f"Phases: {', '.join(channels.phases)}; {self.phase_dropout:g} of the samples lose some, "
                f"{self.misalignment:g} of the phases are moved by what their registration may have left, "
                f"{self.misalignment_ok_mm:g} to {self.misalignment_doubtful_mm:g} mm"
            )
        return channels

    def get_tr_and_val_datasets(self) -> tuple:
        """Give nnU-Net's cases to train and validate on, once the split and dataset.json are seen to speak of them.

        Raises:
            InputError: The split does not fit (see `ComparedTrainer`), or no case has a reference.
        """
        training, validation = super().get_tr_and_val_datasets()
        if self.phase_channels is not None:
            self._warn(told_of_unknown_cases(self.dataset_json, training.identifiers))
        return training, validation

    def on_train_epoch_start(self) -> None:
        """Start the epoch, with draws of its own: a resumed training draws what an uninterrupted one would."""
        super().on_train_epoch_start()
        self.phase_rng = np.random.default_rng([self.seed, self.current_epoch, self.local_rank])

    def on_train_epoch_end(self, train_outputs: list[dict]) -> None:
        """End the epoch's steps, unless the training has diverged (InputError)."""
        losses = [step["loss"] for step in train_outputs]
        rate, say = self.initial_lr, self.print_to_log_file
        refuse_divergence(losses, self.network, epoch=self.current_epoch, learning_rate=rate, say=say)
        super().on_train_epoch_end(train_outputs)

    def train_step(self, batch: dict) -> dict:
        """Take nnU-Net's step on a batch whose phases were moved a little and partly left out."""
        channels = self.phase_channels
        if channels is not None:
            data = batch["data"].to(self.device, non_blocking=True)  # there it costs next to nothing
            if self.misalignment:
                data = misalign_phases(
                    data,
                    batch["keys"],
                    channels,
                    spacing_mm=self.configuration_manager.spacing,
                    probability=self.misalignment,
                    ok_mm=self.misalignment_ok_mm,
                    doubtful_mm=self.misalignment_doubtful_mm,
                    rng=self.phase_rng,
                )
            data = drop_phases(
                data, batch["keys"], channels, probability=self.phase_dropout, rng=self.phase_rng
            )
            batch = {**batch, "data": data}
        return super().train_step(batch)

    def _build_loss(self) -> nn.Module:
        """Return focal + Dice, on every resolution when deep supervision is on; log its settings."""
        settings = ", ".join(f"{name} {getattr(self, name):g}" for name in SETTINGS["multiphase_loss"])
        self.print_to_log_file(f"Loss: a * focal(alpha, gamma) + b * Dice with {settings}")
        loss = FocalDiceLoss(
            alpha=self.alpha,
            gamma=self.gamma,
            a=self.a,
            b=self.b,
            regions=self.label_manager.has_regions,
            ignore_label=self.label_manager.ignore_label,
            ddp=self.is_ddp,
            batch_dice=self.configuration_manager.batch_dice,
        )
        if not self.enable_deep_supervision:
            return loss
        return DeepSupervisionWrapper(loss, self._deep_supervision_weights())

    def _deep_supervision_weights(self) -> np.ndarray:
        """Halve the weight with each coarser output; the coarsest counts nothing, unless it is the only one."""
        weights = 0.5 ** np.arange(len(self._get_deep_supervision_scales()))
        if len(weights) > 1:
            # DDP without torch.compile stops at parameters that receive no gradient at all.
            weights[-1] = 1e-6 if self.is_ddp and not self._do_i_compile() else 0.0
        return weights / weights.sum()

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return Adam and nnU-Net's polynomial decay.

        The decay is a function of the epoch alone: nnU-Net saves no scheduler, so anything with a memory
        would forget it on resuming.
        """
        optimizer = torch.optim.Adam(
            self.network.parameters(), lr=self.initial_lr, weight_decay=self.weight_decay
        )
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple:  # noqa: N802
        """Take nnU-Net's choices, without rotation (and its larger patches) and mirroring when off."""
        rotation, in_plane_only, loaded_patch, mirror_axes = (
            super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        )
        if not self.rotation:
            rotation = (0.0, 0.0)
            loaded_patch = patch_size_before_scaling(
                self.configuration_manager.patch_size, in_plane_only=in_plane_only
            )
        if not self.mirroring:
            mirror_axes = None
            self.inference_allowed_mirroring_axes = None
        return rotation, in_plane_only, loaded_patch, mirror_axes

    @staticmethod
    def get_training_transforms(
        patch_size: np.ndarray | tuple[int, ...],
        rotation_for_DA: Any,  # noqa: N803 (nnU-Net's name)
        deep_supervision_scales: list | tuple | None,
        mirror_axes: tuple[int, ...] | None,
        do_dummy_2d_data_aug: bool,
        **target_options: Any,
    ) -> BasicTransform:
        """Return nnU-Net's transforms changed to the method's (see `augmentation`).

        Args:
            patch_size: Patch size in voxels.
            rotation_for_DA: Range of angles in radians; (0, 0) switches rotation off.
            deep_supervision_scales: Scales of the targets, or None.
            mirror_axes: Axes that may be mirrored.
            do_dummy_2d_data_aug: Scale slices in their plane only.
            **target_options: Passed on: masks, cascade, regions, ignore label.

        Returns:
            One composed transform.
        """
        transforms = nnUNetTrainer.get_training_transforms(
            patch_size,
            rotation_for_DA,
            deep_supervision_scales,
            mirror_axes,
            do_dummy_2d_data_aug,
            **target_options,
        )
        rotates = not isinstance(rotation_for_DA, tuple | list) or any(rotation_for_DA)
        return follow_method(transforms, rotation=rotates)

    def on_epoch_end(self) -> None:
        """Save checkpoint_best when the validation loss is the lowest so far, then do nnU-Net's chores.

        The losses so far are the logger's, which every checkpoint holds, and that of the checkpoint_best found
        when resuming.
        """
        # nnU-Net saves checkpoint_best when its moving average of the pseudo Dice passes this record.
        # Recording the epoch beforehand leaves it nothing to save, and the record in the checkpoint true.
        average_dice: float = self.logger.get_value("ema_fg_dice", step=-1)
        record: float | None = getattr(self, "_best_ema", None)
        self._best_ema = average_dice if record is None else max(record, average_dice)

        *before, now = self.logger.get_value("val_losses", step=None)
        if now < min([self.loss_of_saved_best, *(loss for loss in before if math.isfinite(loss))]):
            self.print_to_log_file(f"New lowest validation loss: {now:.4f}")
            self.save_checkpoint(str(Path(self.output_folder) / "checkpoint_best.pth"))
        super().on_epoch_end()

    def load_checkpoint(self, filename_or_checkpoint: dict | str) -> None:
        """Resume as nnU-Net does, and note the loss of a checkpoint_best that is newer than the checkpoint.

        checkpoint_latest is up to `save_every` epochs older than the end of the interrupted training, and its
        logger knows nothing of a better epoch after it.
        """
        super().load_checkpoint(filename_or_checkpoint)
        self._record_settings_in_force()
        best = Path(self.output_folder) / "checkpoint_best.pth"
        if best.is_file():
            logged = torch.load(best, map_location="cpu", weights_only=False)["logging"]
            self.loss_of_saved_best = float(logged["val_losses"][-1])

    def _record_settings_in_force(self) -> None:
        """Let the next checkpoints tell this run's settings: nnU-Net takes their `init_args` over from the one loaded."""
        plans = vars(self)["my_init_kwargs"]["plans"]
        now = self._settings_in_force()
        for entry, values in now.items():
            before = plans.get(entry)
            if before is None and entry == "multiphase_training" and entry not in self.named_in_plans:
                # Of a version without: the network has never met absent phases, and its plans let their fill value in.
                self.phase_dropout = self.misalignment = 0.0
                now[entry] |= {"phase_dropout": 0.0, "misalignment": 0.0}
                self.print_to_log_file(
                    "The checkpoint is of a version without phase dropout and misalignment: both stay off."
                )
            elif before is not None and before != values:
                self.print_to_log_file(
                    f"The settings {entry} have changed since the checkpoint, which had {before}."
                )
        self._let_checkpoints_tell(now)

    def save_checkpoint(self, filename: str) -> None:
        """Save beside and rename, so that an interrupted save never destroys the checkpoint before it."""
        unfinished = f"{filename}.unfinished"
        super().save_checkpoint(unfinished)
        if self.local_rank == 0 and not self.disable_checkpointing:
            Path(unfinished).replace(filename)


def _without_wrappers(network: nn.Module) -> nn.Module:
    """Give the network that torch.compile and DDP may have wrapped."""
    if isinstance(network, nn.parallel.DistributedDataParallel):
        network = network.module
    return getattr(network, "_orig_mod", network)
