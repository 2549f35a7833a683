"""Lights by name or colour temperature."""

from __future__ import annotations

from isp.errors import UsageError

COLDEST, HOTTEST = 1700.0, 25000.0
"""[K]"""


def temperature_of(light: float | str) -> float:
    """Correlated colour temperature [K] of a light: a number, or a name as of `sensors.spectrum.make_light`.

    Raises
    ------
    UsageError
        An unknown name, or a temperature outside 1700..25000 K.
    """
    if isinstance(light, str):
        from sensors.spectrum import make_light

        return float(make_light(light, 1.0).cct)
    if isinstance(light, bool) or not COLDEST <= float(light) <= HOTTEST:
        raise UsageError(f"colour temperature {light!r} must be {COLDEST:g}..{HOTTEST:g} K")
    return float(light)
