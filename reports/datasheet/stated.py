"""What a sensor's file says of the quantities that the bench measures, and whether the two agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from reports.estimate import CONFIDENCE, NORMAL, Estimate

if TYPE_CHECKING:
    from sensors.sensor import Mode, Sensor

COMPARED = 7
"""Values of a file that are compared with measured ones."""
WIDER = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * COMPARED)) / NORMAL
"""Of intervals that hold together, over those that hold one by one."""


@dataclass(frozen=True)
class Stated:
    """A value that follows from the file.

    Parameters
    ----------
    value : in the unit of what is measured
    estimated : True if one of the entries it follows from is marked so
    """

    value: float
    estimated: bool

    def agrees(self, found: Estimate) -> bool | None:
        """True if what was found can be this by chance; None where there is no interval to tell.

        The interval is widened so that it holds for all `COMPARED` values at once (Bonferroni).
        """
        if not (found.known and found.sure):
            return None
        low, high = (found + WIDER * (end - found) for end in found.interval)
        return bool(low <= self.value <= high)

    def beside(self, found: Estimate) -> str:
        """For the note of what was found: the value, and whether it agrees."""
        mark = ", an estimate" if self.estimated else ""
        verdict = {True: ": agrees", False: ": differs by more than chance", None: ""}[self.agrees(found)]
        return f"the file says {plain(self.value)}{mark}{verdict}"


def plain(value: float) -> str:
    """Four significant digits without a power of ten."""
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def stated(sensor: Sensor, mode: Mode, iso: float) -> dict[str, Stated]:
    """By the names of `reports.metrics.emva.PhotonTransfer`; electrons are sums over the photosites of a pixel.

    Fixed patterns are those of `mode.count` photosites of independent patterns; defective ones are not counted.
    """
    n = mode.count
    full, read = sensor.saturation_e(iso, mode), math.sqrt(max(_read_variance_dn2(sensor, mode, iso), 0.0))
    read_e, dark_e = read / sensor.output_gain(iso, mode), sensor.output_read_e(iso, mode)
    # a column's offset is common to what is joined down, and enters once where charges are summed before they are read
    columns = sensor.column_noise_e * (mode.bin**1.5 if mode.method == "digital" else 1.0)
    values = {
        "gain_dn_per_e": (sensor.output_gain(iso, mode), ("gain",)),
        "read_noise_e": (read_e, ("read_noise", "gain")),
        "full_well_e": (full, ("full_well_e", "gain")),
        "dsnu_e": (math.sqrt(n * sensor.dsnu_e**2 + columns**2), ("dsnu_e", "column_noise_e")),
        "prnu": (sensor.prnu / math.sqrt(n), ("prnu",)),
        # EMVA 1288 release 4.0: the smallest signal is dark noise and half an electron
        "dynamic_range_db": (20 * math.log10(full / (dark_e + 0.5)), ("full_well_e", "gain", "read_noise")),
        "snr_max_db": (10 * math.log10(full), ("full_well_e", "gain")),
    }
    return {
        name: Stated(value, any(key in sensor.facts and sensor.facts[key].estimated for key in keys))
        for name, (value, keys) in values.items()
    }


def _read_variance_dn2(sensor: Sensor, mode: Mode, iso: float) -> float:
    """Without the rounding of the last code, as the bench takes it out [DN²]."""
    return sensor.dark_variance_dn2(iso, mode) - 1 / 12
