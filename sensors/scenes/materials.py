"""Reflectance spectra that scenes are made of, on `sensors.spectrum.WAVELENGTHS`; data come from colour-science."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import frozen
from sensors.scenes.scene import Float64
from sensors.spectrum import WAVELENGTHS, on_grid

CHARTS = {"iso": "ISO 17321-1", "ohta": "ColorChecker N Ohta", "babel": "BabelColor Average"}
"""Measured 24-patch charts by the names that options use, and what colour-science calls them."""


def flat(reflectances: ArrayLike) -> Float64:
    """(K, 81) spectra that are the same at all wavelengths, from K values."""
    values = np.atleast_1d(np.asarray(reflectances, np.float64))
    return np.ascontiguousarray(np.broadcast_to(values[:, None], (len(values), len(WAVELENGTHS))))


@cache
def primaries() -> Float64:
    """(3, 81) reflectances of red, green and blue that sum to 1 and mix to any colour of sRGB.

    Mallett and Yuksel, "Spectral Primary Decomposition for Rendering with sRGB Reflectance", EGSR 2019. Linear: a
    colour's spectrum is the sum of the primaries weighted by its linear sRGB; under D65 it has that colour again.
    """
    import colour

    table = colour.recovery.MSDS_BASIS_FUNCTIONS_sRGB_MALLETT2019
    return frozen(on_grid(table.wavelengths, table.values.T))


@cache
def color_chart(name: str = "iso") -> tuple[tuple[str, ...], Float64]:
    """Names and (24, 81) reflectances of a 24-patch chart, row by row from dark skin to black.

    Parameters
    ----------
    name : ``iso`` (ISO 17321-1:2012, annex), ``ohta`` (Ohta 1997) or ``babel`` (BabelColor, mean of 30 charts; measured
        at 380..730 nm, constant above)

    Raises
    ------
    UsageError
        Another name.
    """
    if name not in CHARTS:
        raise UsageError(f"spectra={name!r} must be one of {', '.join(CHARTS)}")
    import colour

    table = colour.SDS_COLOURCHECKERS[CHARTS[name]]
    rows = [on_grid(one.wavelengths, one.values) for one in table.values()]
    return tuple(table.keys()), frozen(np.stack(rows))
