"""The sharpest that a sensor behind a lens can be: diffraction and the area of its pixels, in closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64

if TYPE_CHECKING:
    from sensors.optics import Lens
    from sensors.sensor import Mode, Sensor


def ideal_response(
    sensor: Sensor, lens: Lens, mode: Mode, frequency: ArrayLike, angle: float = 0.0, illuminant: str = "D65"
) -> Float64:
    """Response of all pixels of a mode to a neutral edge, without aberrations and crosstalk.

    Parameters
    ----------
    frequency : (K,) array
        Along the normal of the edge [cycles/pixel of the mode].
    angle : float
        Of the edge from the pixel columns [degrees].

    Returns
    -------
    (K,) float64
        The round pupil's response (Goodman, ch. 6), weighted by what each colour of the filter pattern sees of each
        wavelength, times that of the photosites joined in a pixel.
    """
    from sensors.optics.diffraction import diffraction_mtf
    from sensors.spectrum import WAVELENGTHS, make_light, photon_rate

    given = np.asarray(frequency, np.float64)
    pixel = _pixel(sensor, mode, given, angle)
    if not lens.diffraction:
        return pixel
    cycles_um = given / sensor.output_pitch_um(mode)
    each = np.stack([diffraction_mtf(cycles_um, lens.f_number, float(nm)) for nm in WAVELENGTHS])
    curves = sensor.sensitivity()
    seen = np.stack([curves.curve(letter) for letter in sensor.cfa]) * photon_rate(make_light(illuminant, 1.0).spectrum)
    colours = seen / seen.sum(axis=1, keepdims=True)
    return np.asarray(colours.mean(axis=0) @ each * pixel)


def _pixel(sensor: Sensor, mode: Mode, frequency: Float64, angle: float) -> Float64:
    """Of the photosites of a pixel, each a full square."""
    block = sensor.block
    if sensor.mono or mode.bin <= block:
        places, offset = np.arange(mode.bin), 0.0
    else:
        # whole blocks of one colour, of which every second along each axis is of another: the pixels of two colours lie
        # nearer to each other than a pixel's width
        blocks = mode.bin // block
        places = (2 * block * np.arange(blocks)[:, None] + np.arange(block)).ravel()
        offset = block * (blocks - 1) / 2
    turn = math.radians(angle)
    across, down = (
        np.sinc(f) * np.abs(np.exp(2j * np.pi * f[:, None] * places).mean(axis=1)) * np.cos(2 * np.pi * f * offset)
        for f in (frequency * share / mode.bin for share in (math.cos(turn), math.sin(turn)))  # cycles/photosite
    )
    return np.asarray(across * down)
