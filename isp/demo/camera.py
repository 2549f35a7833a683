"""A made-up phone camera that photographs the generated scene. Its numbers are plausible, not any product's.

Colour filters: sRGB-like sensitivities with the crosstalk and the relative sensitivities below, given as the two
DNG colour matrices of illuminants A and D65 and interpolated between them in 1/T, as the DNG specification says
(1.7.1, chapter 6). The scene is photographed with exactly that matrix, so a correct raw developer gets the
published chart colours back. Noise: 6000 e- at ISO 100 fill a pixel, read noise is 2.2 e- plus 1.1 e- before gain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.demo.colour import REC2020_TO_XYZ, adaptation, daylight_xy, xyY_to_XYZ
from isp.demo.scene import demo_scene
from isp.errors import InputError
from isp.values import (
    ColorCalibration,
    Float32,
    Float64,
    FrameInfo,
    GainMesh,
    NoiseModel,
    Origin,
    RawFrame,
)

BITS = 12
BLACK = 256.0
WHITE = 4095.0
FULL_WELL = 6000.0
"""Electrons that reach white level at ISO 100 [e-]."""
TEMPERATURE = 4300.0
"""CIE daylight that lights the scene [K]."""
DIFFUSE_WHITE = 0.62
"""Green signal of a perfect diffuser in the centre, where 1 saturates; BaselineExposure says how far it is from 1."""
FALL_OFF = (0.34, 0.30, 0.28)
"""Loss of light in the corners for R, G, B."""

_XYZ_TO_SRGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
_CROSSTALK = np.array([[0.74, 0.23, 0.03], [0.15, 0.74, 0.11], [0.02, 0.24, 0.74]])
_CROSSTALK_A = np.array([[0.78, 0.20, 0.02], [0.17, 0.75, 0.08], [0.03, 0.27, 0.70]])
_SENSITIVITY = np.array([0.58, 1.0, 0.66])

COLOR_MATRIX_A = np.round(np.diag(_SENSITIVITY * (0.97, 1.0, 1.04)) @ _CROSSTALK_A @ _XYZ_TO_SRGB, 4)
COLOR_MATRIX_D65 = np.round(np.diag(_SENSITIVITY) @ _CROSSTALK @ _XYZ_TO_SRGB, 4)
"""XYZ to camera under the two calibration illuminants, four decimals as DNG files carry them."""

_BLOCK = 64
"""Rows that share a random stream; fixed, so that noise never depends on how the work is divided."""


def color_matrix(temperature: float = TEMPERATURE) -> Float64:
    """(3, 3) XYZ to camera RGB at a colour temperature [K]."""
    share = (1 / temperature - 1 / 6504) / (1 / 2856 - 1 / 6504)
    return np.asarray(COLOR_MATRIX_D65 + min(max(share, 0.0), 1.0) * (COLOR_MATRIX_A - COLOR_MATRIX_D65))


def noise_model(iso: float) -> NoiseModel:
    """Shot and read noise of the linear signal (black 0, white 1), DNG convention."""
    gain = iso / 100
    shot = gain / FULL_WELL
    read = (2.2**2 + (1.1 * gain) ** 2) / FULL_WELL**2
    return NoiseModel((shot,) * 4, (read,) * 4)


def lens_shading(rows: int = 13, columns: int = 17) -> GainMesh:
    """The mesh that undoes the camera's fall-off."""
    y, x = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, columns)[None, :]
    gains = np.stack([1 / _transmission(y, x, FALL_OFF[c]) for c in (0, 1, 1, 2)], axis=-1)
    return GainMesh(gains.astype(np.float32), (0.0, 0.0), (1 / (rows - 1), 1 / (columns - 1)))


def demo_frame(
    width: int = 2048, height: int = 1536, seed: int = 1, iso: float = 100, cfa: str = "RGGB"
) -> RawFrame:
    """Photograph the generated scene.

    Parameters
    ----------
    width, height : int
        Size [px], at least 4 x 4; odd sizes are allowed.
    seed : int
        Of texture and noise, 0 or more; the same seed gives the same frame.
    iso : float
        25..102400. The exposure follows, so that brightness stays and noise grows.
    cfa : str
        Any pattern of the letters R, G and B.

    Returns
    -------
    RawFrame
        12 bit, black level 256 DN, with neutral, colour matrices, noise model and lens shading filled in.

    Raises
    ------
    InputError
        A size, seed, ISO or pattern outside these limits.
    """
    pattern = Cfa(cfa)
    if min(width, height) < 4 or seed < 0 or not 25 <= iso <= 102400 or not set("".join(pattern.rows)) <= set("RGB"):
        raise InputError(
            f"demo frame {width}x{height}, seed {seed}, ISO {iso:g}, CFA {pattern}; "
            "allowed: at least 4x4 pixels, seed >= 0, ISO 25..102400, a CFA of R, G and B"
        )
    white_xy = daylight_xy(TEMPERATURE)
    to_camera = color_matrix() @ adaptation((0.3127, 0.3290), white_xy) @ REC2020_TO_XYZ
    neutral = color_matrix() @ xyY_to_XYZ((*white_xy, 1.0))
    signal = _mosaic(demo_scene(width, height, seed), pattern, to_camera * (DIFFUSE_WHITE / neutral[1]))
    noise = noise_model(iso)
    return RawFrame(
        _expose(signal, iso, seed),
        pattern,
        np.array([[BLACK]]),
        WHITE,
        FrameInfo(
            make="mobile-isp",
            model="demo camera",
            iso=float(iso),
            exposure=round(1.0 / iso, 6),
            f_number=1.8,
            baseline_exposure=round(-np.log2(DIFFUSE_WHITE).item(), 2),
            neutral=tuple(neutral / neutral.max()),
            calibrations=(
                ColorCalibration(2856.0, COLOR_MATRIX_A, illuminant="Standard light A"),
                ColorCalibration(6504.0, COLOR_MATRIX_D65, illuminant="D65"),
            ),
            noise=noise,
            lens_shading=lens_shading(),
            self_describing=True,
        ),
        Origin(f"demo scene {width}x{height}, ISO {iso:g}", seed=seed),
    )


def _transmission(y: Float64, x: Float64, loss: float) -> Float64:
    """Share of the light that arrives at (y, x), in heights and widths of the frame; 1 - loss in the corners."""
    return np.asarray(1 - loss * ((2 * y - 1) ** 2 + (2 * x - 1) ** 2) / 2)


def _mosaic(scene: Float32, cfa: Cfa, to_camera: Float64) -> Float32:
    """What reaches the photosites (H, W): each its own filter's mix of the scene, less the lens's fall-off."""
    h, w = scene.shape[:2]
    y, x = (np.arange(h)[:, None] + 0.5) / h, (np.arange(w)[None, :] + 0.5) / w
    signal = np.empty((h, w), np.float32)
    for j in range(min(cfa.period, h)):
        for i in range(min(cfa.period, w)):
            c = "RGB".index(cfa.at(i, j))
            site = np.s_[j :: cfa.period, i :: cfa.period]
            light = scene[site] @ to_camera[c].astype(np.float32)
            signal[site] = light * _transmission(y[j :: cfa.period], x[:, i :: cfa.period], FALL_OFF[c])
    return np.maximum(signal, 0, out=signal)


def _expose(signal: Float32, iso: float, seed: int) -> NDArray[np.uint16]:
    """Digital numbers of a signal (1 saturates): Poisson photo-electrons, Gaussian read noise, 12 bit rounding."""
    electrons_at_white = FULL_WELL * 100 / iso
    read = float(np.sqrt(noise_model(iso).read[0]))
    codes = np.empty(signal.shape, np.uint16)
    for block, top in enumerate(range(0, len(signal), _BLOCK)):
        random = np.random.Generator(np.random.Philox(key=[seed, 2 + block]))
        rows = signal[top : top + _BLOCK]
        # a site four times over white stays over white after noise; the cap keeps the draw quick
        light = random.poisson(np.minimum(rows, 4) * electrons_at_white) / electrons_at_white
        light += read * random.standard_normal(rows.shape)
        codes[top : top + _BLOCK] = np.clip(np.rint(BLACK + light * (WHITE - BLACK)), 0, WHITE)
    return codes
