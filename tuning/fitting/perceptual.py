"""Code values as Oklab and back along derivatives, in planes, for losses taken there.

Oklab as in `isp.stages.oklab` (B. Ottosson, 2020): L, a, b are a matrix of the cube roots of another matrix of linear
light. The cube root is held off zero by `_FLOOR`, so that black has a slope.
"""

from __future__ import annotations

import numpy as np

from isp.color.spaces import WORKING, conversion
from isp.color.transfer import decoded
from isp.stages import oklab
from isp.values import Float32, Float64

_FLOOR = 1e-3
"""Added to each cone signal (white 1) before its root: a tenth of a code of 8 bits above black."""
_STEP = 1e-4
"""Half the width of the difference that gives the slope of a transfer function without a closed form [code values]."""


class Oklab:
    """From code values of one encoding to Oklab.

    Parameters
    ----------
    space, transfer : of the code values, see `isp.values.Picture`
    """

    def __init__(self, space: str, transfer: str) -> None:
        matrices = oklab.arrays()
        self._space, self._transfer = space, transfer
        self._lms = (matrices["lms"] @ conversion(space, WORKING)).astype(np.float32)
        self._lab = matrices["lab"].astype(np.float32)

    def __call__(self, picture: Float32) -> Float32:
        """(3, H, W) L, a, b of code values (3, H, W)."""
        return _times(self._lab, np.cbrt(self._cones(picture)))

    def backwards(self, picture: Float32, slopes: Float32) -> Float32:
        """Derivative with respect to code values, from that with respect to L, a, b at `picture`."""
        roots = _times(self._lab.T, slopes) * self._root_slope(picture)
        return _times(self._lms.T, roots) * self._light_slope(picture)

    def forwards(self, picture: Float32, change: Float32) -> Float32:
        """Change of L, a, b for a small change of code values."""
        light = _times(self._lms, change * self._light_slope(picture))
        return _times(self._lab, light * self._root_slope(picture))

    def _cones(self, picture: Float32) -> Float32:
        light = self._light(picture.astype(np.float64)).astype(np.float32)
        return np.maximum(_times(self._lms, light), 0) + np.float32(_FLOOR)

    def _light(self, picture: Float64) -> Float64:
        return np.moveaxis(decoded(np.moveaxis(picture, 0, -1), self._transfer, self._space), -1, 0)

    def _light_slope(self, picture: Float32) -> Float32:
        code = picture.astype(np.float64)
        low, high = np.clip(code - _STEP, 0, 1), np.clip(code + _STEP, 0, 1)
        return ((self._light(high) - self._light(low)) / np.maximum(high - low, _STEP)).astype(np.float32)

    def _root_slope(self, picture: Float32) -> Float32:
        return np.asarray(1 / (3 * np.square(np.cbrt(self._cones(picture)))), np.float32)


def _times(matrix: Float32, planes: Float32) -> Float32:
    return np.tensordot(matrix, planes, axes=1)
