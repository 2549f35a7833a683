"""Third-order (Seidel) aberrations and what they do to the transfer function.

Wavefront over the pupil, in the wave expansion of Hopkins (Welford, Aberrations of Optical Systems, 1986, ch. 7), for a
point at relative field height H (1 at the half diagonal of the sensor):

    W = W040 rho^4 + W131 H (rho^3 - 2/3 rho) cos + W222 H^2 rho^2 cos^2 + W220 H^2 rho^2 + W020 rho^2

with rho = 1 at the rim of the pupil and the angle counted from the radial direction of the field. The tilt of 2/3
beside coma leaves the brightest place of the image where the point belongs (Zernike's balance): where images lie is
geometry, which lives in `warp` with the distortion W311. A ray lands 2 N dW/drho from there, so positive W131 flares
outwards.

The transfer function is the autocorrelation of the pupil function exp(2 pi i W) (Goodman, 3rd ed., 6.4). It is computed
on a sampled pupil, and only its *ratio* to the autocorrelation of the empty sampled pupil is used: multiplied with the
exact transfer of diffraction, the errors of sampling a round pupil cancel, and no aberration gives diffraction exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64
from sensors.optics.checks import number

REFERENCE = 550.0
"""Wavelength at which coefficients are counted in waves [nm]."""

LARGEST = 2.0
"""Largest coefficient [waves]; beyond it the phase between neighbouring samples of the pupil nears pi."""

SAMPLES = 64
"""Samples across the pupil."""


@dataclass(frozen=True)
class Seidel:
    """Wavefront coefficients at the rim of the pupil and full field [waves at 550 nm], each -2..2, default 0.

    Parameters
    ----------
    w040 : float
        Spherical aberration.
    w131 : float
        Coma.
    w222 : float
        Astigmatism.
    w220 : float
        Field curvature.
    w020 : float
        Defocus, over the whole field. A sensor displaced by dz has W020 = dz / (8 N^2 lambda).

    Raises
    ------
    UsageError
        A coefficient is not a number in -2..2.
    """

    w040: float = 0.0
    w131: float = 0.0
    w222: float = 0.0
    w220: float = 0.0
    w020: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = number(f"aberrations.{each.name}", getattr(self, each.name), -LARGEST, LARGEST, "waves")
            object.__setattr__(self, each.name, value)

    @property
    def any(self) -> bool:
        """Whether there is any aberration."""
        return self != Seidel()

    @property
    def varies(self) -> bool:
        """Whether the image of a point depends on where it lies."""
        return any((self.w131, self.w222, self.w220))

    def wavefront(self, x: Float64, y: Float64, field: tuple[float, float]) -> Float64:
        """W at pupil points (x, y) (rim at radius 1; x right, y down) for a field point [waves at 550 nm]."""
        hx, hy = field
        along = x * hx + y * hy
        square = x * x + y * y
        height = hx * hx + hy * hy
        return np.asarray(
            self.w040 * square * square
            + self.w131 * (square - 2 / 3) * along
            + self.w222 * along * along
            + (self.w220 * height + self.w020) * square
        )


class Pupil:
    """A sampled circular pupil."""

    def __init__(self, samples: int = SAMPLES) -> None:
        axis = (np.arange(samples) + 0.5) * (2 / samples) - 1
        self.samples = samples
        self.x, self.y = np.meshgrid(axis, axis)
        # samples on the rim count by how much of them is inside
        self.open = np.clip((1 - np.hypot(self.x, self.y)) * samples / 2 + 0.5, 0, 1)
        self._empty = self._autocorrelation(self.open.astype(np.complex128)).real

    def ratio(self, sx: Float64, sy: Float64, seidel: Seidel, field: tuple[float, float], wavelength_nm: float) -> Any:
        """Transfer relative to that of diffraction alone.

        Parameters
        ----------
        sx, sy : float64 arrays
            Frequency over the cutoff of diffraction.
        seidel : Seidel
        field : (float, float)
            Field point, 1 at the half diagonal.
        wavelength_nm : float
            [nm]; the same glass path is more waves of a shorter wavelength.

        Returns
        -------
        complex128, of the shape of `sx`
        """
        from scipy.ndimage import map_coordinates

        waves = seidel.wavefront(self.x, self.y, field) * (REFERENCE / wavelength_nm)
        found = self._autocorrelation(self.open * np.exp(2j * np.pi * waves))
        # lags at which next to nothing meets have no ratio, and diffraction lets nothing through
        ratio = np.where(self._empty > 0.5, found / np.maximum(self._empty, 0.5), 0)
        at = np.stack([sy * self.samples + self.samples, sx * self.samples + self.samples])
        real, imaginary = (map_coordinates(part, at, order=3, mode="nearest") for part in (ratio.real, ratio.imag))
        return real + 1j * imaginary

    def _autocorrelation(self, pupil: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Sum over the pupil of P(q) P*(q + lag) at lags -samples..samples - 1, both axes."""
        size = 2 * self.samples
        spectrum = np.fft.fft2(pupil, (size, size))
        return np.fft.fftshift(np.fft.ifft2(np.abs(spectrum) ** 2).conj())
