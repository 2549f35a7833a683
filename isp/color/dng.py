"""The colour model of the DNG specification (version 1.7, chapter 6): camera RGB, its white, and XYZ.

Naming as there: CM maps XYZ to the reference camera, CC the reference camera to this one, AB is the analog balance,
FM maps white-balanced camera to XYZ relative to D50. With two or more calibrations each matrix is interpolated
linearly in the reciprocal of the colour temperature and held beyond the ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import D50, Chromaticity, adaptation, xy_to_xyz, xyz_to_xy
from isp.color.temperature import COLDEST, HOTTEST, temperature_and_tint
from isp.errors import InputError
from isp.values import ColorCalibration, Float64, FrameInfo

_PASSES = 30
_CLOSE = 1e-7
"""Passes of the white point iteration and the change at which it ends [mired]."""

_LEAST_NEUTRAL = 0.001
"""Smallest component of a neutral computed from a white, its largest being 1."""


@dataclass(frozen=True)
class CameraColor:
    """What a file says about a camera's colour, ready to be asked at any white.

    Parameters
    ----------
    calibrations : one or more, in any order
    analog_balance : (3,) the diagonal of AB
    """

    calibrations: tuple[ColorCalibration, ...]
    analog_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def of(cls, info: FrameInfo) -> CameraColor | None:
        """The model of a frame, or None where the file has no colour matrix."""
        return cls(info.calibrations, info.analog_balance) if info.calibrations else None

    def individual(self, temperature: float) -> Float64:
        """(3, 3) AB.CC at a colour temperature [K]."""
        cc = _at([(c.temperature, c.camera_calibration) for c in self.calibrations], temperature)
        return np.asarray(np.diag(self.analog_balance) @ cc)

    def xyz_to_camera(self, temperature: float) -> Float64:
        """(3, 3) AB.CC.CM at a colour temperature [K]."""
        cm = _at([(c.temperature, c.color_matrix) for c in self.calibrations], temperature)
        return np.asarray(self.individual(temperature) @ cm)

    def forward(self, temperature: float) -> Float64 | None:
        """(3, 3) FM at a colour temperature [K], or None without one.

        Each row is scaled so that white-balanced white, (1, 1, 1), is exactly D50: what the specification asks of
        a ForwardMatrix, and files meet only to their rounding.
        """
        given = [(c.temperature, c.forward_matrix) for c in self.calibrations if c.forward_matrix is not None]
        if not given:
            return None
        white = xy_to_xyz(D50)
        for _, fm in given:
            if (fm.sum(axis=1) <= 0).any():
                raise InputError(f"forward matrix {fm.tolist()} maps white to {fm.sum(axis=1).tolist()}, not to D50")
        return _at([(t, fm * (white / fm.sum(axis=1))[:, None]) for t, fm in given], temperature)

    def white(self, neutral: ArrayLike) -> tuple[Chromaticity, float]:
        """CIE 1931 xy and correlated colour temperature [K] of a neutral's white.

        The specification's iteration: guess xy (D50), take the matrices of its temperature, map the neutral to XYZ,
        take that xy, until it no longer changes. Only the temperature feeds back, and matrices that differ much make
        the plain iteration slow or let it swing between two whites; so each two passes are extrapolated (Steffensen's
        method, in mired), which ends at the same point. A neutral no light could give ends at a nearby physical white.
        """
        neutral = np.asarray(neutral, np.float64)
        mired = 1e6 / temperature_and_tint(D50)[0]
        for _ in range(_PASSES):
            once = self._mired_of_white(neutral, mired)
            twice = self._mired_of_white(neutral, once)
            bend = twice - 2.0 * once + mired
            jump = mired - (once - mired) ** 2 / bend if abs(bend) > 1e-9 else twice
            found = jump if 1e6 / HOTTEST <= jump <= 1e6 / COLDEST else twice
            if abs(found - mired) < _CLOSE:
                mired = found
                break
            mired = found
        return self._white_at(neutral, 1e6 / mired), 1e6 / mired

    def _white_at(self, neutral: Float64, temperature: float) -> Chromaticity:
        xyz = np.linalg.solve(self.xyz_to_camera(temperature), neutral)
        top = float(xyz.max())
        return xyz_to_xy(np.maximum(xyz, 0.02 * top)) if top > 0 else D50

    def _mired_of_white(self, neutral: Float64, mired: float) -> float:
        return 1e6 / temperature_and_tint(self._white_at(neutral, 1e6 / mired))[0]

    def neutral(self, xy: ArrayLike, temperature: float) -> Float64:
        """(3,) camera RGB of the white `xy`, its largest component 1; matrices are taken at `temperature` [K]."""
        camera = self.xyz_to_camera(temperature) @ xy_to_xyz(xy)
        if camera.max() <= 0:
            raise InputError(f"colour matrices map the white xy {tuple(np.asarray(xy).round(4))} to {camera.tolist()}")
        return np.asarray(np.clip(camera / camera.max(), _LEAST_NEUTRAL, 1.0))

    def to_pcs(self, neutral: ArrayLike, xy: ArrayLike, temperature: float) -> Float64:
        """(3, 3) from camera RGB balanced by 1/`neutral` to XYZ relative to D50, white at Y = 1.

        FM.D.(AB.CC)^-1.diag(neutral) with D = diag((AB.CC)^-1.neutral)^-1, or without a ForwardMatrix
        adapt(xy -> D50).(AB.CC.CM)^-1.diag(neutral).

        Raises
        ------
        InputError
            The matrices do not map this neutral to a positive white.
        """
        neutral = np.asarray(neutral, np.float64)
        forward = self.forward(temperature)
        if forward is not None:
            to_reference = np.linalg.inv(self.individual(temperature))
            white = to_reference @ neutral
            matrix = forward @ ((1.0 / np.where(white > 0, white, np.inf))[:, None] * to_reference) * neutral
        else:
            matrix = adaptation(xy, D50) @ np.linalg.inv(self.xyz_to_camera(temperature)) * neutral
            white = matrix.sum(axis=1)[1:2]
            matrix = matrix / (white[0] if white[0] > 0 else np.inf)
        if not (white > 0).all():
            raise InputError(f"colour matrices map the neutral {neutral.round(4).tolist()} to no positive white")
        return np.asarray(matrix)


def _at(points: Sequence[tuple[float, Float64]], temperature: float) -> Float64:
    """Matrices over temperature, linear in its reciprocal."""
    ordered = sorted(points, key=lambda point: -point[0])
    places = np.array([1.0 / t for t, _ in ordered])
    at = float(np.clip(1.0 / temperature, places[0], places[-1]))
    after = min(max(int(np.searchsorted(places, at)), 1), len(ordered) - 1) if len(ordered) > 1 else 0
    if after == 0 or places[after] == places[after - 1]:
        return ordered[0][1] if after == 0 else ordered[after][1]
    share = (at - places[after - 1]) / (places[after] - places[after - 1])
    return np.asarray(ordered[after - 1][1] * (1 - share) + ordered[after][1] * share)
