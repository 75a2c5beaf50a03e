"""The loss against numpy written from the method's formulas, and against MONAI."""

import multiprocessing

import numpy as np
import pytest
import torch
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.focal_dice import FocalDiceLoss

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
LOGITS = torch.from_numpy(RNG.normal(scale=2, size=(2, 3, 4, 5, 6)))
LABELS = torch.from_numpy(RNG.integers(0, 3, (2, 1, 4, 5, 6))).float()
REGIONS = torch.from_numpy(RNG.random((2, 4, 4, 5, 6)) < 0.3)  # three regions, then the ignore mask


def numpy_softmax_loss(logits, labels, *, alpha, gamma, a, b, counts, smooth=1e-5):
    """a * focal + b * Dice, voxel by voxel."""
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    focal = []
    for sample, *place in np.argwhere(counts):
        label = int(labels[(sample, *place)])
        true = p[(sample, label, *place)]
        focal.append(-(alpha if label else 1 - alpha) * (1 - true) ** gamma * np.log(true))
    dice = [
        1
        - (2 * p[s, c][(labels[s] == c) & counts[s]].sum() + smooth)
        / (p[s, c][counts[s]].sum() + ((labels[s] == c) & counts[s]).sum() + smooth)
        for s in range(len(p))
        for c in range(1, p.shape[1])
    ]
    return a * np.mean(focal) + b * np.mean(dice)


def numpy_region_loss(logits, truth, *, alpha, gamma, a, b, counts, smooth=1e-5):
    p = 1 / (1 + np.exp(-logits))
    focal = np.where(truth, -alpha * (1 - p) ** gamma * np.log(p), -(1 - alpha) * p**gamma * np.log(1 - p))
    here = np.broadcast_to(counts[:, None], p.shape)
    dice = [
        1
        - (2 * p[s, c][truth[s, c] & counts[s]].sum() + smooth)
        / (p[s, c][counts[s]].sum() + (truth[s, c] & counts[s]).sum() + smooth)
        for s in range(len(p))
        for c in range(p.shape[1])
    ]
    return a * focal[here].mean() + b * np.mean(dice)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.75, 2.0), (0.3, 0.5), (0.5, 0.0)])
@pytest.mark.parametrize("ignore_label", [None, 2])
def test_softmax_loss_is_its_formula(alpha, gamma, ignore_label):
    labels = LABELS[:, 0].numpy()
    counts = np.ones(labels.shape, bool) if ignore_label is None else labels != ignore_label
    weights = {"alpha": alpha, "gamma": gamma, "a": 1.5, "b": 0.5}
    expected = numpy_softmax_loss(LOGITS.numpy(), labels, counts=counts, **weights)
    loss = FocalDiceLoss(ignore_label=ignore_label, **weights)(LOGITS, LABELS)
    assert loss.item() == pytest.approx(expected, rel=1e-10)  # float64 rounding over 240 voxels


@pytest.mark.parametrize("ignore_label", [None, 4])
def test_region_loss_is_its_formula(ignore_label):
    target = REGIONS[:, :3] if ignore_label is None else REGIONS
    counts = np.ones((2, 4, 5, 6), bool) if ignore_label is None else ~REGIONS[:, -1].numpy()
    weights = {"alpha": 0.7, "gamma": 1.5, "a": 2.0, "b": 1.0}
    expected = numpy_region_loss(LOGITS.numpy(), REGIONS[:, :3].numpy(), counts=counts, **weights)
    loss = FocalDiceLoss(regions=True, ignore_label=ignore_label, **weights)(LOGITS, target)
    assert loss.item() == pytest.approx(expected, rel=1e-10)  # float64 rounding


def test_two_class_focal_is_monais():
    from monai.losses import FocalLoss  # here, so that the spawned processes below start without MONAI

    logits = LOGITS[:, :2]
    target = (LABELS > 0).double()
    # softmax over two logits is the sigmoid of their difference
    expected = FocalLoss(alpha=0.75, gamma=2.0)(logits[:, 1:] - logits[:, :1], target)
    # MONAI computes in float32
    assert FocalDiceLoss(b=0)(logits, target).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("batch", [False, True])
def test_dice_is_monais(batch):
    from monai.losses import DiceLoss

    expected = DiceLoss(include_background=False, softmax=True, to_onehot_y=True, batch=batch)(LOGITS, LABELS)
    assert FocalDiceLoss(a=0, batch_dice=batch)(LOGITS, LABELS).item() == pytest.approx(
        expected.item(),
        rel=1e-6,  # MONAI makes its one-hot target float32
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("regions", [False, True])
def test_gradient_is_the_finite_difference(gamma, regions):
    logits = LOGITS[:, :, :2, :2, :3].clone().requires_grad_()
    target = (REGIONS if regions else LABELS)[:, :, :2, :2, :3]
    loss = FocalDiceLoss(regions=regions, gamma=gamma, ignore_label=2)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), (logits,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("regions", [False, True])
def test_huge_logits_give_the_right_finite_loss(dtype, gamma, regions):
    logits = (1e4 * LOGITS.sign()).to(dtype).requires_grad_()
    target = REGIONS if regions else LABELS
    loss = FocalDiceLoss(regions=regions, gamma=gamma, ignore_label=2)
    value = loss(logits, target)
    value.backward()
    assert logits.grad.isfinite().all()
    exact = loss(logits.detach().double(), target)  # float64 holds e^-20000's logarithm as well
    assert value.item() == pytest.approx(exact.item(), rel=1e-5)  # float32 sums of 200 numbers


def test_sure_and_right_costs_nothing():
    target = LABELS.clamp(max=1)
    logits = torch.cat([(0.5 - target) * 2e4, (target - 0.5) * 2e4], 1)
    assert FocalDiceLoss()(logits, target).item() == pytest.approx(0, abs=1e-6)  # float32 rounding


def test_sure_and_wrong_costs_alpha_times_the_logits():
    logits = torch.tensor([1e4, -1e4]).reshape(1, 2, 1, 1)
    loss = FocalDiceLoss(b=0)(logits, torch.ones(1, 1, 1, 1))
    assert loss.item() == pytest.approx(0.75 * 2e4, rel=1e-6)  # p = e^-20000, so (1-p)^2 = 1


@pytest.mark.parametrize("regions", [False, True])
def test_ignored_voxels_have_no_gradient(regions):
    logits = LOGITS.float().requires_grad_()
    FocalDiceLoss(regions=regions, ignore_label=2)(logits, REGIONS if regions else LABELS).backward()
    ignored = (REGIONS[:, -1:] if regions else LABELS == 2).expand_as(logits)
    assert (logits.grad[ignored] == 0).all()
    assert (logits.grad[~ignored] != 0).all()


@pytest.mark.parametrize("regions", [False, True])
def test_all_ignored_costs_nothing(regions):
    logits = LOGITS.float().requires_grad_()
    target = torch.ones(2, 4, 4, 5, 6) if regions else torch.full_like(LABELS, 2)
    loss = FocalDiceLoss(regions=regions, ignore_label=2)(logits, target)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_empty_truth_and_empty_prediction_is_a_full_dice():
    logits = torch.zeros(1, 2, 4, 4)
    logits[:, 0] = 1e4
    assert FocalDiceLoss(a=0)(logits, torch.zeros(1, 1, 4, 4)).item() == 0


def test_empty_truth_pushes_a_false_lesion_down():
    logits = torch.zeros(1, 2, 4, 4, requires_grad=True)
    FocalDiceLoss()(logits, torch.zeros(1, 1, 4, 4)).backward()
    assert (logits.grad[:, 1] > 0).all()


def test_autocast_changes_nothing():
    loss = FocalDiceLoss()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(LOGITS.float(), LABELS)
    assert inside.item() == loss(LOGITS.float(), LABELS).item()


def test_deep_supervision_adds_weighted_losses():
    loss = FocalDiceLoss()
    coarse, coarse_labels = LOGITS[..., ::2], LABELS[..., ::2]
    wrapped = DeepSupervisionWrapper(loss, (0.75, 0.25))([LOGITS, coarse], [LABELS, coarse_labels])
    expected = 0.75 * loss(LOGITS, LABELS) + 0.25 * loss(coarse, coarse_labels)
    assert wrapped.item() == pytest.approx(expected.item(), rel=1e-12)


def _half_of_the_batch(rank, folder, queue):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    try:
        loss = FocalDiceLoss(a=0, batch_dice=True, ddp=True)
        queue.put(loss(LOGITS[rank : rank + 1], LABELS[rank : rank + 1]).item())
    finally:
        torch.distributed.destroy_process_group()


def test_two_processes_share_one_batch_dice(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [
        context.Process(target=_half_of_the_batch, args=(rank, tmp_path, queue)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    values = [queue.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    whole = FocalDiceLoss(a=0, batch_dice=True)(LOGITS, LABELS).item()
    assert values == pytest.approx([whole, whole], rel=1e-12)


def test_target_of_another_shape_is_refused():
    with pytest.raises(InputError, match="need a target with 1 channels"):
        FocalDiceLoss()(LOGITS, LABELS[..., :3])


def test_alpha_outside_zero_to_one_is_refused():
    with pytest.raises(InputError, match="alpha must be in"):
        FocalDiceLoss(alpha=1.5)
