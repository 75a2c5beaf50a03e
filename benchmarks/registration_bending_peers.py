"""Bend what is aligned rigidly by other tools: each gives reference points -> points of the aligned image, in mm.

None of the tools is tuned: presets where one has them, else its defaults. A stage by torch's autograd stands beside them,
of which only the weight of the bending energy was chosen (two tuning pairs).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK as sitk

from registration.free_form import Axis, control_grid, spline_transform
from registration.resample import resample_labels
from registration.volume import mask_from_image, volume_from_image

NEEDS = {"elastix": "itk", "antspy": "ants", "convexadam": "convexAdam", "torch_spline": "torch"}
CONVEXADAM_MM = 2.0  # its defaults are meant for voxels of such a size
# What the peers see: what the moving volume does not cover is little darker than fat then. Helps elastix (tuning pairs).
WINDOW_HU = (-150.0, 250.0)
# Of the stage by autograd; its grid, mesh and reach are those of `registration.deformable`.
SPLINE_MM = 3.0
MESH_MM = 25.0
AROUND_MM = 45.0
MARGIN_VOXELS = 4
WINDOW_VOXELS = 7
NOISE_HU = 8.0
STEPS = 100
STEP_MM = 0.5
BENDING = 0.03  # weight of the mean squared second difference of control points, per mesh


def deform_elastix(fixed: sitk.Image, moved: sitk.Image, _: sitk.Image | None) -> sitk.Transform:
    """Let elastix bend: its B-spline preset, final meshes of 25 mm; within a mask it gives up."""
    import itk

    def theirs(image: sitk.Image, kind: Any) -> Any:
        other = itk.image_from_array(sitk.GetArrayFromImage(image).astype(kind))
        other.SetOrigin(image.GetOrigin())
        other.SetSpacing(image.GetSpacing())
        other.SetDirection(np.array(image.GetDirection()).reshape(3, 3))
        return other

    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(
        itk.ParameterObject.GetDefaultParameterMap("bspline", 3, finalGridSpacingInPhysicalUnits=25.0)
    )
    moving = theirs(moved, np.float32)
    _, found = itk.elastix_registration_method(
        theirs(fixed, np.float32), moving, parameter_object=parameters, log_to_console=False
    )
    with tempfile.TemporaryDirectory() as scratch:  # it writes a file that nobody asked for
        vectors = itk.transformix_deformation_field(moving, found, output_directory=scratch)
        field = sitk.GetImageFromArray(itk.array_from_image(vectors).astype(np.float64), isVector=True)
    field.CopyInformation(fixed)
    return sitk.DisplacementFieldTransform(field)


def deform_ants(fixed: sitk.Image, moved: sitk.Image, mask: sitk.Image | None) -> sitk.Transform:
    """Let ANTs bend: SyN on local correlation, in the mask."""
    import ants

    with tempfile.TemporaryDirectory() as scratch:
        read = []
        for number, image in enumerate((fixed, moved, mask)):
            if image is not None:
                sitk.WriteImage(image, f"{scratch}/{number}.nii")
                read.append(ants.image_read(f"{scratch}/{number}.nii"))
        found = ants.registration(
            *read[:2],
            type_of_transform="SyNOnly",
            initial_transform="Identity",
            syn_metric="CC",
            syn_sampling=2,
            reg_iterations=(40, 20, 10),
            outprefix=f"{scratch}/ants",
            random_seed=1,
            **({} if mask is None else {"mask": read[2]}),
        )
        # Only the warp: what was found from the identity is no motion.
        warps = [file for file in found["fwdtransforms"] if file.endswith(".nii.gz")]
        return sitk.DisplacementFieldTransform(sitk.ReadImage(warps[0], sitk.sitkVectorFloat64))


def deform_convexadam(fixed: sitk.Image, moved: sitk.Image, _: sitk.Image | None) -> sitk.Transform:
    """Let ConvexAdam bend: MIND features, its defaults, the whole volumes at 2 mm (doi:10.1007/978-3-030-97281-3_25)."""
    import torch
    from convexAdam.convex_adam_MIND import convex_adam_pt

    grid = _grid(fixed, CONVEXADAM_MM)
    voxels_zyx = convex_adam_pt(
        _on(fixed, grid), _on(moved, grid), dtype=torch.float32, device=torch.device("cpu")
    )
    axes = np.array(grid.GetDirection()).reshape(3, 3)
    along_mm = voxels_zyx[..., ::-1] * CONVEXADAM_MM  # (z, y, x, 3): along the array's x, y, z
    field = sitk.GetImageFromArray(along_mm @ axes.T, isVector=True)
    field.CopyInformation(grid)
    return sitk.DisplacementFieldTransform(field)


def deform_torch_spline(fixed: sitk.Image, moved: sitk.Image, mask: sitk.Image | None) -> sitk.Transform:
    """Bend by Adam on control points: cubic B-splines of 25 mm, local correlation in the mask, bending energy."""
    import torch
    from torch.nn import functional

    grid = _grid(fixed, SPLINE_MM)
    counts = (
        np.ones(grid.GetSize()[::-1], bool) if mask is None else mask_from_image(resample_labels(mask, grid))
    )
    places = np.argwhere(counts)
    low = np.maximum(places.min(axis=0) - MARGIN_VOXELS, 0)
    high = np.minimum(places.max(axis=0) + MARGIN_VOXELS + 1, counts.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    inside = torch.from_numpy(counts[box].astype(np.float32))  # (Z, Y, X)
    there = torch.from_numpy(_on(moved, grid))[None, None]  # whole: what is needed may lie outside
    here = torch.from_numpy(_on(fixed, grid)[box])[None, None]
    cut = grid[tuple(reversed(box))]
    controls_of = control_grid(volume_from_image(cut), MESH_MM, AROUND_MM)
    spread = [torch.from_numpy(_spread(axis)) for axis in controls_of.axes]
    free = torch.from_numpy(controls_of.free().astype(np.float32))
    controls = torch.zeros(controls_of.shape, requires_grad=True)
    voxels = torch.stack(torch.meshgrid(*(torch.arange(s.start, s.stop) for s in box), indexing="ij"), dim=-1)
    half = (torch.tensor(there.shape[2:]) - 1) / 2

    def mean(values: Any) -> Any:
        for axis in range(3):  # one after the other is much cheaper than all at once
            window = [WINDOW_VOXELS if a == axis else 1 for a in range(3)]
            values = functional.avg_pool3d(
                values, window, 1, [n // 2 for n in window], count_include_pad=False
            )
        return values

    here_mean = mean(here)
    own = mean(here**2) - here_mean**2 + NOISE_HU**2
    optimizer = torch.optim.Adam([controls], lr=STEP_MM)
    for _ in range(STEPS):
        moves = controls * free
        field = torch.einsum("cijk,zi,yj,xk->zyxc", moves, *spread)  # mm along z, y, x
        at = (voxels + field / SPLINE_MM) / half - 1
        found = functional.grid_sample(there, at.flip(-1)[None], padding_mode="border", align_corners=True)
        both = mean(here * found) - here_mean * mean(found)
        other = mean(found**2) - mean(found) ** 2 + NOISE_HU**2
        alike = ((both**2 / (own * other))[0, 0] * inside).sum() / inside.sum()
        bent = sum(
            (1 if a == b else 2) * moves.diff(dim=a).diff(dim=b).square().mean()
            for a in (1, 2, 3)
            for b in range(a, 4)
        )
        optimizer.zero_grad()
        (BENDING / MESH_MM * bent - alike).backward()
        optimizer.step()
    return spline_transform(
        controls_of, (controls * free).detach().numpy().astype(np.float64), volume_from_image(cut)
    )


def _spread(axis: Axis) -> np.ndarray:
    """Give the shares of an axis's control points in its voxels, as a full matrix (voxels, controls)."""
    shares = np.zeros((len(axis.first), axis.controls), np.float32)
    np.put_along_axis(shares, axis.first[:, None] + np.arange(4), axis.weights, axis=1)
    return shares


def _grid(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Give an image's frame with cubic voxels."""
    extent = np.array(image.GetSize()) * np.array(image.GetSpacing())
    frame = sitk.Image(np.maximum(np.rint(extent / spacing_mm), 1).astype(int).tolist(), sitk.sitkUInt8)
    frame.SetSpacing([spacing_mm] * 3)
    frame.SetOrigin(image.GetOrigin())
    frame.SetDirection(image.GetDirection())
    return frame


def _on(image: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """Give an image's values on another grid, linearly between voxels, fat's where it has none."""
    return sitk.GetArrayFromImage(
        sitk.Resample(
            image, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, WINDOW_HU[0], sitk.sitkFloat32
        )
    )


PEERS: dict[str, Callable[[sitk.Image, sitk.Image, sitk.Image | None], sitk.Transform]] = {
    "elastix": deform_elastix,
    "antspy": deform_ants,
    "convexadam": deform_convexadam,
    "torch_spline": deform_torch_spline,
}
