"""The image of a point, as convolution kernels on the grid of photosites.

The light a kernel meets is already averaged over each photosite (the aperture of the pixel), so the kernel holds the
lens alone. Its transfer function should be that of the lens,

    OTF_c(f) = sum over lambda of w_c(lambda) OTF(f; lambda),

up to half a cycle per photosite. The weights w_c are the electrons that the light gives channel c at each wavelength:
exact for neutral objects; a strongly coloured object keeps the blur of a neutral one.

**Design.** The inverse transform of the OTF over |fx|, |fy| <= 1/2 is cut to K x K taps. What is missing at f = 0 and
at the three Nyquist points is made up by the smallest change (in the mean square) that makes these four exact, so each
kernel sums to 1 and the transfer at Nyquist is that of the lens. In between, the error comes from the wings of the
Airy pattern, which fall as 1/r^3: of 0.64 um photosites at f/1.69, 19 x 19 hold 97.4 % of the light. Largest error of
the transfer for f <= 1/2, all directions, at 550 nm:

    photosite, lens     taps    0.02 <= f < 0.06    0.06 <= f <= 0.5
    0.64 um, f/1.69      19          0.019               0.012
    0.64 um, f/1.69      33          0.010               0.008
    0.64 um, f/1.9       19          0.021               0.011
    1.6 um, f/1.9        15          0.011               0.010
    2.4 um, f/1.9        11          0.009               0.009

No 19 x 19 kernel that sums to 1 does better than 0.013 at 0.64 um and f/1.69 (linear program over all of them).

**Negative taps.** The OTF does not end at Nyquist, so some taps are negative: without aberrations those two photosites
along a row or a column, -0.003..-0.008 each, all together -0.02..-0.05 (in aberrated corners one tap may reach -0.02).
The transfer of diffraction is convex, which makes the line spread function non-negative: edges do not ring, at any
angle. Only a lone bright point on black asks for negative light, which the program sets to 0; the point then gains
that much. The alternative, samples of the PSF itself, is never negative but folds what lies beyond Nyquist back: 0.16
too much transfer at Nyquist for 0.64 um and f/1.69, 0.31 for 1.6 um and f/1.9.

**Limit.** The scene is averaged over photosites and sampled before it is blurred. Detail finer than Nyquist has then
already folded back, and is attenuated as the frequency it folds to, not as its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import UsageError
from isp.values import Float32, Float64, frozen
from sensors.optics.aberration import Pupil
from sensors.optics.checks import number
from sensors.optics.diffraction import cutoff, overlap
from sensors.optics.lens import Lens

if TYPE_CHECKING:
    from sensors.sensitivity import Sensitivity
    from sensors.spectrum import Light

Complex = NDArray[np.complex128]

GRID = 128
"""Frequencies per cycle per photosite, and the period in photosites outside which light folds back."""

NODES = (5, 7)
"""Rows and columns of nodes over the sensor where the blur varies."""

SMALL = (7, 11, 15, 19)
"""Sides tried for a kernel; 3 more than a multiple of 4 suits the kink of the OTF at Nyquist best."""

LARGE = (23, 27, 31)

ENOUGH = 0.0125
"""Error of the transfer at which a `SMALL` side is taken."""

TOLERABLE = 0.04
"""Error of the largest `SMALL` side, or of a `LARGE` one, with which no larger one is tried."""

TOO_MUCH = 0.15
"""Error of the largest side at which a lens is refused."""

_BAND = 4
"""Samples of the spectrum (20 nm) that share one computation of aberrations."""


def kernels(
    lens: Lens,
    sensitivity: Sensitivity,
    light: Light,
    pitch_um: float,
    size: tuple[int, int],
    taps: int | None = None,
    nodes: tuple[int, int] = NODES,
) -> Float32:
    """Convolution kernels of a lens at nodes over the sensor.

    Parameters
    ----------
    lens : Lens
    sensitivity : Sensitivity
        Quantum efficiencies (C, 81) [e-/photon].
    light : Light
        Its spectrum weighs the wavelengths.
    pitch_um : float
        Distance of photosites [um], 0.1..50.
    size : (width, height)
        Of the sensor [photosites]; only the ratio matters.
    taps : int, optional
        Side K of the kernels, odd, 5..33. By default the smallest of 7, 11, 15, 19 whose transfer errs by at most
        0.0125 (see above), else 19; 23, 27 or 31 only where 19 errs by more than 0.04; 1 for a lens that does not blur.
    nodes : (rows, columns)
        Where the blur varies over the field, 2..33 each.

    Returns
    -------
    (NY, NX, C, K, K) float32
        Images of a point (convolve, do not correlate), each of sum 1. Node (j, i) lies at y = j height / (NY - 1),
        x = i width / (NX - 1); NY = NX = 1 where the blur is the same everywhere.

    Raises
    ------
    UsageError
        A value is out of bounds, or the image of a point is too wide for the largest kernel.
    """
    pitch = number("pitch", pitch_um, 0.1, 50, "um")
    if taps is not None and (isinstance(taps, bool) or not isinstance(taps, int) or taps not in range(5, 34, 2)):
        raise UsageError(f"lens: {taps!r} taps must be an odd number in 5..33")
    if len(nodes) != 2 or not all(isinstance(n, int) and 2 <= n <= 33 for n in nodes):
        raise UsageError(f"lens: nodes {nodes!r} must be two numbers in 2..33")
    weights = spectral_weights(sensitivity, light)
    if not lens.diffraction and lens.psf is None and not lens.aberrations.any:
        single = np.zeros((1, 1, len(weights), taps or 1, taps or 1), np.float32)
        single[..., (taps or 1) // 2, (taps or 1) // 2] = 1
        return np.asarray(frozen(single))
    ny, nx = nodes if lens.psf is None and lens.aberrations.varies else (1, 1)
    transfers = {}
    for j in range((ny + 1) // 2):
        for i in range((nx + 1) // 2):
            transfers[j, i] = transfer(lens, weights, pitch, _field(j, i, (ny, nx), size))
    points = {at: np.fft.fftshift(np.fft.ifft2(each).real, axes=(-2, -1)) for at, each in transfers.items()}
    side = taps or _side(points, transfers, lens)
    result = np.empty((ny, nx, len(weights), side, side), np.float32)
    for (j, i), point in points.items():
        kernel = _cut(point, transfers[j, i], side)
        # aberrations are symmetric: the other quadrants are mirror images; a node that is its own is written last
        result[ny - 1 - j, nx - 1 - i] = kernel[:, ::-1, ::-1]
        result[ny - 1 - j, i] = kernel[:, ::-1]
        result[j, nx - 1 - i] = kernel[:, :, ::-1]
        result[j, i] = kernel
    return np.asarray(frozen(result))


def spectral_weights(sensitivity: Sensitivity, light: Light) -> Float64:
    """(C, 81) share of each wavelength in the electrons of each channel; each row sums to 1."""
    from sensors.spectrum import WAVELENGTHS, photon_rate

    rate = photon_rate(light.spectrum) if light.spectrum.any() else WAVELENGTHS
    electrons = sensitivity.curves * rate
    total = electrons.sum(axis=1, keepdims=True)
    if (total <= 0).any():
        dark = ", ".join(each for each, sum_ in zip(sensitivity.letters, total, strict=True) if sum_ <= 0)
        raise UsageError(f"lens: channel {dark} of {sensitivity.name} sees nothing of {light.name}")
    return np.asarray(electrons / total)


def transfer(lens: Lens, weights: Float64, pitch_um: float, field: tuple[float, float]) -> Complex:
    """Optical transfer function of each channel, without the aperture of the pixel.

    Parameters
    ----------
    lens : Lens
    weights : (C, 81)
        Share of each wavelength.
    pitch_um : float
        [um].
    field : (float, float)
        Field point, 1 at the half diagonal.

    Returns
    -------
    (C, GRID, GRID) complex128
        At `np.fft.fftfreq(GRID)` cycles per photosite, rows fy, columns fx.
    """
    f = np.fft.fftfreq(GRID)
    line = np.asarray(f / pitch_um, np.float64)
    fx, fy = np.meshgrid(line, line)
    if lens.psf is not None and lens.psf_um is not None:
        total = _measured(lens.psf, lens.psf_um, line, pitch_um)[None]
        return np.asarray(total * _diffraction(lens, weights, np.hypot(fx, fy)))
    if not lens.aberrations.any:
        return _diffraction(lens, weights, np.hypot(fx, fy)).astype(np.complex128)
    pupil, result = Pupil(), np.zeros((len(weights), GRID, GRID), np.complex128)
    for band, wavelength in _bands(weights):
        limit = cutoff(lens.f_number, wavelength)
        ratio = pupil.ratio(fx / limit, fy / limit, lens.aberrations, field, wavelength)
        result += ratio * _diffraction(lens, band, np.hypot(fx, fy))
    return result / result[:, :1, :1]


def _diffraction(lens: Lens, weights: Float64, frequency: Float64) -> Float64:
    """(C, ...) transfer of diffraction at `frequency` [cycles/um], weighted; all weights may be part of a band."""
    from sensors.spectrum import WAVELENGTHS

    if not lens.diffraction:
        return np.asarray(weights.sum(axis=1)[:, None, None] * np.ones(frequency.shape))
    result = np.zeros((len(weights), *frequency.shape))
    for column, wavelength in zip(weights.T, WAVELENGTHS, strict=True):
        if column.any():
            result += column[:, None, None] * overlap(frequency / cutoff(lens.f_number, wavelength))
    return result


def _bands(weights: Float64) -> Iterator[tuple[Float64, float]]:
    """Parts of the weights (C, 81), each with the wavelength in its middle."""
    from sensors.spectrum import WAVELENGTHS

    mean = weights.mean(axis=0)
    for start in range(0, len(mean), _BAND):
        part = slice(start, start + _BAND)
        if mean[part].sum() > 1e-4:
            band = np.zeros_like(weights)
            band[:, part] = weights[:, part]
            yield band, float(np.average(WAVELENGTHS[part], weights=mean[part]))


def _measured(psf: Float64, psf_um: float, frequency: Float64, pitch_um: float) -> Complex:
    """Transfer (GRID, GRID) of a sampled image of a point; 0 beyond the Nyquist frequency of its samples."""
    width = len(psf) * psf_um / pitch_um
    if width > GRID * 0.75:
        raise UsageError(f"lens: psf spans {width:.0f} photosites of {pitch_um:g} um; at most {GRID * 3 // 4} fit")
    at = (np.arange(len(psf)) - len(psf) // 2) * psf_um
    wave = np.exp(-2j * np.pi * frequency[:, None] * at)
    wave[np.abs(frequency) > 0.5 / psf_um * (1 + 1e-9)] = 0
    return np.asarray(wave @ psf @ wave.T / psf.sum())


def _field(j: int, i: int, nodes: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """Field point of a node, 1 at the half diagonal; the centre where there is one node."""
    if nodes == (1, 1):
        return 0.0, 0.0
    diagonal = float(np.hypot(*size))
    return (2 * i / (nodes[1] - 1) - 1) * size[0] / diagonal, (2 * j / (nodes[0] - 1) - 1) * size[1] / diagonal


def _middle(point: Any, side: int) -> Any:
    low = GRID // 2 - side // 2
    return point[..., low : low + side, low : low + side]


def _side(points: dict[tuple[int, int], Float64], transfers: dict[tuple[int, int], Complex], lens: Lens) -> int:
    """The side that every node and channel agree with."""
    worst = 0.0
    for side in SMALL + LARGE:
        worst = max(transfer_error(_cut(each, transfers[at], side), transfers[at]) for at, each in points.items())
        if worst <= (ENOUGH if side < SMALL[-1] else TOLERABLE):
            return side
    if worst > TOO_MUCH:
        raise UsageError(
            f"lens: the image of a point at f/{lens.f_number:g} is too wide for {LARGE[-1]}x{LARGE[-1]} photosites "
            f"(error of its transfer {worst:.2f}, allowed {TOO_MUCH:g}): use larger photosites or a sharper lens"
        )
    return LARGE[-1]


def transfer_error(kernel: Float64, otf: Complex) -> float:
    """Largest error of the transfer of (C, K, K) kernels for 0.02 <= |f| <= 0.4 cycles per photosite.

    Nearer to Nyquist more taps do not help: the transfer of real taps is real there, that of a lopsided image is not.

    Parameters
    ----------
    kernel : (C, K, K)
    otf : (C, GRID, GRID) complex128
        As `transfer` gives it.
    """
    side = kernel.shape[-1]
    padded = np.zeros(otf.shape)
    padded[:, :side, :side] = kernel
    found = np.fft.fft2(np.roll(padded, (-(side // 2), -(side // 2)), axis=(-2, -1)))
    f = np.fft.fftfreq(GRID)
    radius = np.hypot(*np.meshgrid(f, f))
    inside = (radius >= 0.02) & (radius <= 0.4)
    return float(np.abs(found - otf)[:, inside].max())


def _cut(point: Float64, otf: Complex, side: int) -> Float64:
    """(C, side, side): the middle of `point`, changed least so that f = 0 and the Nyquist points are exact."""
    kernel = _middle(point, side)
    sign = (-1.0) ** np.abs(np.arange(side) - side // 2)
    even = np.ones(side)
    patterns = np.stack([np.outer(v, h) for v, h in ((even, even), (even, sign), (sign, even), (sign, sign))])
    half = GRID // 2
    wanted = otf[:, [0, 0, half, half], [0, half, 0, half]].real
    found = np.einsum("cyx,pyx->cp", kernel, patterns)
    gram = np.einsum("qyx,pyx->qp", patterns, patterns)
    change = np.linalg.solve(gram, (wanted - found).T)
    kernel = kernel + np.einsum("pc,pyx->cyx", change, patterns)
    return np.asarray(kernel / kernel.sum(axis=(-2, -1), keepdims=True))
