"""The neutrals of one camera over the colour temperature of the light: its white-balance curve.

Between the given lights log(R/G) and log(B/G) are piecewise cubic in the reciprocal temperature and monotone where the
points are (F. N. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300); beyond the ends they are held.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64

_STEP = 1.0
"""Step at which the curve is searched [1e6/K]."""


class WhiteCurve:
    """A white-balance curve.

    Parameters
    ----------
    points : (N, 3)
        Colour temperature [K], R/G and B/G of the camera's response to a neutral object; N of 2 or more, temperatures
        different.
    """

    def __init__(self, points: ArrayLike) -> None:
        from scipy.interpolate import PchipInterpolator

        rows = np.asarray(points, np.float64)
        mired = 1e6 / rows[:, 0]
        order = np.argsort(mired)
        self._ends = float(mired[order[0]]), float(mired[order[-1]])
        self._logs: Callable[[ArrayLike], Float64] = PchipInterpolator(mired[order], np.log(rows[order, 1:]))

    def neutral(self, temperature: float) -> Float64:
        """(3,) camera RGB of a neutral object under a light of that temperature [K], its largest component 1."""
        red, blue = np.exp(self._logs(np.clip(1e6 / temperature, *self._ends)))
        values = np.array([red, 1.0, blue])
        return np.asarray(values / values.max())

    def temperature(self, neutral: ArrayLike) -> float:
        """Colour temperature [K] of the point of the curve that is nearest to a neutral, in log R/G and log B/G."""
        values = np.maximum(np.asarray(neutral, np.float64), 1e-6)
        goal = np.log(values[[0, 2]] / values[1])
        mired = np.linspace(*self._ends, max(2, int((self._ends[1] - self._ends[0]) / _STEP) + 2))
        line = self._logs(mired)
        start, step = line[:-1], np.diff(line, axis=0)
        # the nearest point of each short straight piece
        share = np.clip(((goal - start) * step).sum(1) / np.maximum((step**2).sum(1), 1e-30), 0.0, 1.0)
        away = ((start + share[:, None] * step - goal) ** 2).sum(1)
        best = int(np.argmin(away))
        return float(1e6 / (mired[best] + share[best] * (mired[best + 1] - mired[best])))
