"""A number with its uncertainty: what every metric returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.values import frozen

CONFIDENCE = 0.95
"""Of every interval, two-sided."""
NORMAL = 1.959963984540054
"""Standard deviations of a normal distribution on either side that hold `CONFIDENCE`."""
DRAWS = 1000
"""Resamples of a bootstrap: enough for the 2.5 % points of an interval."""
_AT_ONCE = 10_000
"""Items up to which all resamples are held in memory."""


class Estimate(float):
    """A float that knows how sure it is. NaN where the value cannot be had; then `reason` says why.

    Parameters
    ----------
    value : float
    interval : (low, high), optional
        Of 95 % confidence, in `unit`; NaN where it is not known.
    unit : str
        ``"cycles/pixel"``, ``"e-"``, ``"dB"``, or empty for a plain number.
    reason : str
        Why there is no value, or why a value has no interval: a phrase that can follow "n.a.: ".
    items : (N,) array, optional
        What `value` is the mean of (errors of patches, say). Two estimates over the same items are compared item by
        item, which sees much smaller differences.

    Examples
    --------
    >>> mtf50 = Estimate(0.25, (0.24, 0.26), "cycles/pixel")
    >>> mtf50 > 0.2, mtf50.interval
    (True, (0.24, 0.26))
    """

    interval: tuple[float, float]
    unit: str
    reason: str
    items: NDArray[np.float64] | None

    def __new__(
        cls,
        value: float,
        interval: tuple[float, float] = (math.nan, math.nan),
        unit: str = "",
        reason: str = "",
        items: ArrayLike | None = None,
    ) -> Estimate:
        made = super().__new__(cls, value)
        made.interval = (float(interval[0]), float(interval[1]))
        made.unit, made.reason = unit, reason
        made.items = None if items is None else frozen(items, np.float64)
        return made

    @classmethod
    def missing(cls, reason: str, unit: str = "") -> Estimate:
        """The estimate that cannot be had: NaN, "n.a." in every table, with the reason."""
        return cls(math.nan, unit=unit, reason=reason)

    @classmethod
    def normal(cls, value: float, deviation: float, unit: str = "") -> Estimate:
        """An estimate whose error is normal with this standard deviation."""
        return cls(value, (value - NORMAL * deviation, value + NORMAL * deviation), unit)

    @property
    def known(self) -> bool:
        """False for "n.a."."""
        return math.isfinite(self)

    @property
    def sure(self) -> bool:
        """True if there is an interval."""
        return all(math.isfinite(v) for v in self.interval)

    def __repr__(self) -> str:
        return f"Estimate({self})"

    def __str__(self) -> str:
        if not self.known:
            return f"n.a.: {self.reason}" if self.reason else "n.a."
        unit = f" {self.unit}" if self.unit else ""
        if not self.sure:
            return f"{float(self):.4g}{unit}"
        return f"{float(self):.4g}{unit} [{self.interval[0]:.4g}, {self.interval[1]:.4g}]"

    __format__ = float.__format__

    def as_json(self) -> dict[str, Any]:
        """For `--json`: value, interval, unit, reason; what is not finite is null."""
        return {
            "value": float(self) if self.known else None,
            "interval": list(self.interval) if self.sure else None,
            "unit": self.unit,
            "reason": self.reason or None,
        }


class Measured:
    """Base of results whose fields are `Estimate`: ``result.mtf50_interval`` is ``result.mtf50.interval``."""

    def __getattr__(self, name: str) -> tuple[float, float]:
        field, tail = name[: -len("_interval")], name[-len("_interval") :]
        if tail == "_interval" and field and not field.startswith("_"):
            estimate = getattr(self, field)
            if isinstance(estimate, Estimate):
                return estimate.interval
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def bootstrap(
    items: ArrayLike,
    statistic: Callable[..., Any] = np.mean,
    unit: str = "",
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """`statistic` of independent items, with the percentile interval of Efron (1979).

    Parameters
    ----------
    items : (N, ...)
        Resampled along the first axis.
    statistic : callable
        From resampled items to a number; `numpy.mean` and `numpy.median` of plain numbers take all draws at once.
    seed : int
        Of the resampling: the same items give the same interval.

    Returns
    -------
    Estimate
        Without interval if there are fewer than three items.
    """
    given = np.asarray(items)
    if len(given) == 0:
        return Estimate.missing("nothing to measure", unit)
    value = float(statistic(given))
    if len(given) < 3:
        return Estimate(value, unit=unit, reason=f"no interval from {len(given)} item{'s' * (len(given) > 1)}")
    random = np.random.Generator(np.random.Philox(seed))
    if statistic in (np.mean, np.median) and given.ndim == 1 and given.size <= _AT_ONCE:
        found = statistic(given[random.integers(0, len(given), (draws, len(given)))], axis=1)
    else:
        found = [statistic(given[random.integers(0, len(given), len(given))]) for _ in range(draws)]
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, (float(low), float(high)), unit)


def mean_of(items: ArrayLike, unit: str = "", *, seed: int = 0) -> Estimate:
    """The mean of independent items with its bootstrap interval; keeps the items, for paired comparison."""
    given = np.asarray(items, np.float64)
    found = bootstrap(given, unit=unit, seed=seed)
    return Estimate(found, found.interval, unit, found.reason, given)


def difference(a: Estimate, b: Estimate, *, seed: int = 0) -> Estimate:
    """`b` - `a` with its interval.

    Over the same items (equally many) by bootstrap of their differences; else the estimates count as independent and
    their intervals are joined by the method of variance estimates recovery (Zou and Donner 2008), which keeps what is
    lopsided. `difference(b, a)` is its mirror image.
    """
    if not (a.known and b.known):
        which = a if not a.known else b
        return Estimate.missing(which.reason or "one of the two is n.a.", a.unit)
    if a.items is not None and b.items is not None and len(a.items) == len(b.items):
        gaps = b.items - a.items
        if not gaps.any():
            return Estimate(0.0, (0.0, 0.0), a.unit)
        return mean_of(gaps, a.unit, seed=seed)
    gap = float(b) - float(a)
    if not (a.sure and b.sure):
        return Estimate(gap, unit=a.unit, reason=a.reason or b.reason or "no interval")
    low = gap - math.hypot(float(b) - b.interval[0], a.interval[1] - float(a))
    high = gap + math.hypot(b.interval[1] - float(b), float(a) - a.interval[0])
    return Estimate(gap, (low, high), a.unit)


def summary(estimates: Sequence[Estimate]) -> str:
    """Why none of several could be had, in one phrase; empty if one could."""
    if any(e.known for e in estimates):
        return ""
    return "; ".join(dict.fromkeys(e.reason for e in estimates if e.reason))
