"""What a fit gives: the profile, how sure its numbers are, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from isp.fingerprint import installed
from isp.profile import Profile
from isp.profile.build import make_entry
from isp.values import Float64
from reports.estimate import Estimate
from tuning.fitting.walk import Values

KNOWN = 0.02
"""Standard deviation, in a parameter's scale, up to which the pictures are said to tell it."""
PATCH = 32
"""Side of a patch that counts as one observation [px]: neighbouring pixels err together."""
UNSEEN = 1e-8
"""Second derivative of the loss, along a direction in the parameters' scales, that is float32's rounding: a change by a
whole scale would move the picture by less than 1e-4 (a fortieth of a code of 8 bits)."""
ROUNDING = (1 / 255) ** 2 / 12
"""Least variance of a residual: that of codes of 8 bits."""
PACKAGES = ("mobile-isp", "numpy", "scipy", "halide", "optuna", "cmaes", "scikit-image")


@dataclass(frozen=True)
class Trial:
    """One evaluation: its number, what it was of (`gradient`, or the search's setting), and its loss or goal."""

    number: int
    what: str
    loss: float


@dataclass(frozen=True)
class Fitted:
    """One free number.

    Attributes
    ----------
    label : such as ``ccm.matrix[0,2]``
    before : where it began
    value : Estimate
        With its interval from the covariance; without, where the pictures do not tell it (`reason` says so).
    at_bound : True if it ended on one of its bounds
    """

    label: str
    before: float
    value: Estimate
    at_bound: bool = False

    @property
    def identified(self) -> bool:
        """False where the pictures do not tell it: other values would do as well."""
        return self.value.sure


@dataclass(frozen=True)
class Compared:
    """One pair before and after.

    Attributes
    ----------
    name : of the raw
    before, after : peak signal-to-noise ratio against the reference where it counts [dB]
    exposure : correction of exposure that this picture alone got [EV]
    likeness, displacement, counted : of the registration: correlation of local contrast, largest displacement undone
        [px], and the share of the reference that counts
    held_back : True for a pair that was not fitted to
    """

    name: str
    before: float
    after: float
    exposure: float = 0.0
    likeness: float = 1.0
    displacement: float = 0.0
    counted: float = 1.0
    held_back: bool = False


@dataclass(frozen=True)
class FitResult:
    """The outcome of `tuning.fit`.

    Attributes
    ----------
    profile : Profile
        Whole, with the fitted values written out.
    loss, loss_before : at the end and at the start (or the goal's value, whose smaller ones are better)
    history : every evaluation, in order
    parameters : every free number, with its interval
    settings : values of choices and of other searched parameters, by ``stage.parameter``
    covariance : (N, N) of `parameters`, in their units; None where there was no gradient
    pictures : every pair before and after, those held back last
    converged : False if it ended before a minimum was reached
    reason : why it ended
    provenance : inputs with their SHA-256, seed, versions
    notes : what the user should know
    interruption : the signal that ended it, to be raised again once the result is kept
    """

    profile: Profile
    loss: float
    loss_before: float
    history: tuple[Trial, ...]
    parameters: tuple[Fitted, ...]
    settings: Mapping[str, Any]
    covariance: Float64 | None
    pictures: tuple[Compared, ...]
    converged: bool
    reason: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    interruption: BaseException | None = None

    @property
    def unidentified(self) -> tuple[str, ...]:
        """Labels of numbers that the pictures do not tell."""
        return tuple(p.label for p in self.parameters if not p.identified)

    def to_yaml(self) -> str:
        """The profile as text, headed by comments that say where it came from."""
        lines = [f"fitted by mobile-isp: loss {self.loss_before:.4g} before, {self.loss:.4g} after; "
                 + (f"converged: {self.reason}" if self.converged else f"not converged: {self.reason}")]
        lines += [f"{key}: {value}" for key, value in self.provenance.items()]
        head = "".join(f"# {' '.join(line.split())}\n" for line in lines)
        return head + self.profile.to_yaml()

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "converged": self.converged,
            "reason": self.reason,
            "loss": self.loss,
            "loss_before": self.loss_before,
            "evaluations": len(self.history),
            "parameters": [
                {"name": p.label, "before": p.before, "identified": p.identified, "at_bound": p.at_bound,
                 **p.value.as_json()}
                for p in self.parameters
            ],
            "settings": dict(self.settings),
            "pictures": [vars(p) for p in self.pictures],
            "provenance": dict(self.provenance),
            "notes": list(self.notes),
        }


def changed(profile: Profile, values: Values) -> Profile:
    """`profile` with plain values written into it.

    Raises
    ------
    ProfileError
        A value that a profile may not hold.
    """
    entries = []
    for entry in profile.stages:
        own = {name: value for (stage, name), value in values.items() if stage == entry.name}
        if own:
            made = make_entry(entry.stage, {**entry.values, **own}, "profile", entry.line)
            origins = {**made.origins, **{n: o for n, o in entry.origins.items() if n not in own}}
            entry = replace(made, enabled=entry.enabled, origins=origins)
        entries.append(entry)
    return profile.with_stages(entries)


def covariance_of(
    curvature: Float64, residuals: Sequence[float], pixels: int, scale: Float64, deviation: Float64
) -> Float64:
    """(N, N) covariance of the parameters at a minimum, by Gauss and Newton.

    Parameters
    ----------
    curvature : (N, N) second derivative of the mean loss, see `Problem.information`
    residuals : root mean square differences of the pictures [code values]
    pixels : that count, in all pictures
    scale : (N,) sizes of notable changes
    deviation : (N,) standard deviations of the priors; infinite ones are none
    """
    variance = max(float(np.mean(np.square(residuals))), ROUNDING)
    observations = 3 * max(pixels / PATCH**2, 1.0)
    units = np.outer(scale, scale)
    values, vectors = np.linalg.eigh(curvature * units)
    seen = (vectors * np.where(values > UNSEEN, values, 0.0)) @ vectors.T
    information = seen * (observations / variance) + np.diag(np.square(scale / deviation))
    return np.asarray(np.linalg.pinv(information, hermitian=True) * units)


def fitted(
    label: str, before: float, value: float, variance: float, scale: float, bounds: tuple[float, float]
) -> Fitted:
    """One number with its interval, or with why there is none."""
    deviation = float(np.sqrt(max(variance, 0.0)))
    edge = 1e-6 * scale
    at_bound = value <= bounds[0] + edge or value >= bounds[1] - edge
    if not deviation <= KNOWN * scale:
        return Fitted(label, before, Estimate(value, reason="the pictures do not tell it"), at_bound)
    return Fitted(label, before, Estimate.normal(value, deviation), at_bound)


def versions() -> dict[str, str]:
    """Versions of what a fit depends on."""
    return installed(PACKAGES)
