"""Make ready what a registration needs of the reference alone, once for all phases that are brought to it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.liver import FoundOrgan, grown_to_its_edges, look_for_liver
from registration.padding import without_padding
from registration.pyramid import build_pyramid, on_layer
from registration.region import body_region, off_the_ends
from registration.settings import RegistrationSettings
from registration.spline import linear_interpolant, spline_coefficients
from registration.volume import check_contrast, check_image, volume_from_image


class PreparedReference:
    """Hold a reference with its pyramid, splines, body and liver; `register` takes it in the volume's place.

    Args:
        image: Fixed volume, HU.
        settings: Of all registrations to it.

    Attributes:
        image: The volume, air where it was padded.
        settings: How to register.
        grid: Where its voxels lie; their values are let go of, which are hundreds of MB.
        layers: Its pyramid, the coarsest layer first.
        coefficients: Of each layer's cubic splines.
        linear: Each layer's linear interpolant.

    Raises:
        ValueError: The volume is not 3D, too small, constant or not finite.
    """

    def __init__(self, image: sitk.Image, settings: RegistrationSettings | None = None) -> None:
        if settings is not None and not isinstance(settings, RegistrationSettings):
            raise ValueError(f"settings must be RegistrationSettings, but are a {type(settings).__name__}.")
        check_image(image, "The reference")
        self.image = image = without_padding(image)
        self.settings = settings or RegistrationSettings()
        volume = volume_from_image(image)
        check_contrast(volume, "The reference")
        self.layers = build_pyramid(volume, self.settings.layer_spacings_mm)
        self.grid = replace(volume, values=np.broadcast_to(np.float32(0), volume.values.shape))
        self.coefficients = [spline_coefficients(layer.values) for layer in self.layers]
        self.linear = [linear_interpolant(layer.values) for layer in self.layers]

    @cached_property
    def bodies(self) -> list[NDArray[np.bool_]]:
        """The body on every layer; found on the top one, kept off the ends on the others.

        The swarm needs every slice it can get; an exact fit is drawn aside by those where the moving volume ends.
        """
        settings, top = self.settings, self.layers[0]
        body = body_region(top, threshold_hu=settings.body_threshold_hu, rim_mm=settings.body_rim_mm)
        below = [
            off_the_ends(on_layer(body, top, layer), layer, settings.cut_mm) for layer in self.layers[1:]
        ]
        return [body, *below]

    @cached_property
    def found(self) -> FoundOrgan | None:
        """What looks like the liver on the top layer; None where nothing does."""
        return look_for_liver(self.layers[0], self.bodies[0])

    @cached_property
    def liver(self) -> NDArray[np.bool_] | None:
        """The liver on the bottom layer; None where none is found."""
        top, bottom = self.layers[0], self.layers[-1]
        if self.found is None:
            return None
        return grown_to_its_edges(on_layer(self.found.mask, top, bottom), bottom)
