"""Score a segmentation's logits: L = a * Focal + b * Dice."""

import torch
from nnunetv2.utilities.ddp_allgather import AllGatherGrad
from torch import nn
from torch.nn import functional

from nnunet_multiphase.errors import InputError


class FocalDiceLoss(nn.Module):
    """Add a focal loss, which looks at voxels, and a soft Dice loss, which looks at lesions.

    Focal, mean over the voxels that count: -alpha (1-p)^gamma log p on foreground, -(1-alpha) p^gamma
    log(1-p) on background (Lin et al., Focal Loss, ICCV 2017, doi:10.1109/ICCV.2017.324, equation 5, with
    alpha as the weight of the foreground). With softmax, p is the true class's probability, and every
    foreground class weighs alpha. With regions each channel is a two-class problem of its own.
    Dice, mean over foreground channels (and samples): 1 - (2 |XY| + smooth) / (|X| + |Y| + smooth).

    Everything is computed from log-probabilities in float32 (float64 stays), also under autocast: logits of
    +-1e4 in any floating type give finite values and gradients. An ignored voxel's gradient is exactly 0.

    The defaults: gamma = 2 is the paper's best; alpha = 0.75, not the paper's 0.25, because a lesion is a
    small part of a patch and a missed one costs more than a false voxel, while the paper's many thousands of
    easy anchors had to be held off a few objects; a = b = 1 because Dice, of order one throughout, drives
    the overlap, and the focal term acts where Dice has no gradient to give (patches without a lesion).

    Args:
        alpha: weight of the foreground in the focal term, in [0, 1].
        gamma: how strongly easy voxels fade, >= 0.
        a: weight of the focal term.
        b: weight of the Dice term.
        regions: sigmoid channels with a boolean target of one channel a region; else softmax with a label
            map.
        ignore_label: the label map's value that does not count; with regions any value but None means that
            the target's LAST channel marks the voxels that do not count. None: all count.
        ddp: gather Dice's sums from all processes when batch_dice, as nnU-Net's losses do.
        batch_dice: one Dice for the whole batch instead of one a sample.
        smooth: keeps Dice defined: prediction and truth both empty give a Dice of 1.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.75,
        gamma: float = 2.0,
        a: float = 1.0,
        b: float = 1.0,
        regions: bool = False,
        ignore_label: int | None = None,
        ddp: bool = False,
        batch_dice: bool = False,
        smooth: float = 1e-5,
    ) -> None:
        super().__init__()
        if not 0 <= alpha <= 1 or gamma < 0:
            raise InputError(
                f"FocalDiceLoss: alpha must be in [0, 1] and gamma >= 0, got {alpha} and {gamma}."
            )
        self.alpha = alpha
        self.gamma = gamma
        self.a = a
        self.b = b
        self.regions = regions
        self.ignore_label = ignore_label
        self.ddp = ddp
        self.batch_dice = batch_dice
        self.smooth = smooth

    def forward(self, net_output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar.

        Args:
            net_output: logits, (B, C, *spatial).
            target: label map (B, 1, *spatial); with regions (B, C, *spatial) boolean, plus the ignore
                channel.

        Raises:
            InputError: a target whose shape does not fit the logits.
        """
        with torch.autocast(net_output.device.type, enabled=False):
            logits = net_output if net_output.dtype == torch.float64 else net_output.float()
            truth, valid = self._truth(logits, target)
            if self.regions:
                log_p, log_not_p = functional.logsigmoid(logits), functional.logsigmoid(-logits)
                foreground = log_p.exp()
                log_true = torch.where(truth, log_p, log_not_p)
                log_false = torch.where(truth, log_not_p, log_p)
                is_foreground = truth
            else:
                log_p = functional.log_softmax(logits, 1)
                foreground = log_p[:, 1:].exp()
                log_true = log_p.masked_fill(~truth, 0).sum(1, keepdim=True)
                # log(1 - p of the true class), without the cancellation of 1 - p
                log_false = log_p.masked_fill(truth, -torch.inf).logsumexp(1, keepdim=True)
                is_foreground = ~truth[:, :1]
                truth = truth[:, 1:]
            focal = self._focal(log_true, log_false, is_foreground, valid)
            return self.a * focal + self.b * self._dice(foreground, truth, valid)

    def _truth(self, logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the boolean truth (B, C, *spatial) and the voxels that count (B, 1, *spatial)."""
        channels = logits.shape[1]
        expected = channels + (self.ignore_label is not None) if self.regions else 1
        if target.shape != (logits.shape[0], expected, *logits.shape[2:]):
            raise InputError(
                f"FocalDiceLoss: logits of shape {tuple(logits.shape)} need a target with {expected} channels "
                f"of the same spatial size, got {tuple(target.shape)}; check the dataset's labels and regions."
            )
        if self.regions:
            truth = target.bool()
            return (truth, None) if self.ignore_label is None else (truth[:, :-1], ~truth[:, -1:])
        labels, valid = target, None
        if self.ignore_label is not None:
            valid = target != self.ignore_label
            labels = target.masked_fill(~valid, 0)
        classes = torch.arange(channels, device=logits.device).reshape(-1, *([1] * (logits.ndim - 2)))
        return labels == classes, valid

    def _focal(
        self,
        log_true: torch.Tensor,
        log_false: torch.Tensor,
        is_foreground: torch.Tensor,
        valid: torch.Tensor | None,
    ) -> torch.Tensor:
        # (1-p)^gamma as exp(gamma log(1-p)): a power's gradient is not finite at 0 for gamma < 1
        focal = -log_true * torch.exp(self.gamma * log_false)
        focal = focal * (1 - self.alpha + (2 * self.alpha - 1) * is_foreground.to(focal.dtype))
        if valid is None:
            return focal.mean()
        return (focal * valid).sum() / (valid.sum() * focal.shape[1]).clamp_min(1)

    def _dice(
        self, foreground: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor | None
    ) -> torch.Tensor:
        axes = tuple(range(2, foreground.ndim))
        if valid is not None:
            foreground = foreground * valid
            truth = truth & valid
        sums = torch.stack(
            [
                (foreground * truth).sum(axes),
                foreground.sum(axes),
                truth.sum(axes, dtype=foreground.dtype),
            ]
        )  # (3, B, C): |XY|, |X|, |Y|
        if self.batch_dice:
            sums = sums.sum(1)
            if self.ddp:
                sums = AllGatherGrad.apply(sums).sum(0)
        intersection, predicted, true = sums
        dice = (2 * intersection + self.smooth) / (predicted + true + self.smooth).clamp_min(1e-8)
        return 1 - dice.mean()
