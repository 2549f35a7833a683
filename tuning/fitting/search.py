"""Search without a gradient: choices, rough parameters, and goals that only a measurement gives. Optuna's samplers.

CMA-ES (N. Hansen, A. Ostermeier, Evol. Comput. 9 (2001) 159) where all are numbers and there are two or more, the
tree-structured Parzen estimator (J. Bergstra et al., NIPS 2011) else. Seeded, in one thread: the same seed asks for the
same trials.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from isp.errors import NumericError, UsageError
from isp.profile import Profile
from tuning.fitting.parameters import Name, Parameters

Sampler = Literal["cmaes", "tpe", "random"]
REACH = 3.0
"""How far numbers are searched around their start, inside their bounds [scales]."""
WIDE, FACTOR = 20.0, 8.0
"""Numbers that could be so many times their start are searched within a factor of it, by ratio."""
FAILED = 1e12
"""Value of a trial that gave none."""


@dataclass(frozen=True)
class Axis:
    """One searched value: `choices`, or a number from `lower` to `upper`, whole if `integer`, by `ratio` if steps are
    factors; it begins at `start`.
    """

    label: str
    start: Any
    choices: tuple[str, ...] = ()
    lower: float = 0.0
    upper: float = 1.0
    integer: bool = False
    ratio: bool = False


def axes_of(profile: Profile, names: Sequence[Name], resolved: Mapping[str, Mapping[str, Any]]) -> list[Axis]:
    """Axes of parameters that are searched as their stages describe them.

    A number that could be more than `WIDE` times its start is searched by ratio, within a factor `FACTOR` of it.

    Raises
    ------
    UsageError
        A parameter is neither a choice nor one number with bounds.
    """
    axes = []
    for stage, parameter in names:
        param = profile.entry(stage).stage.parameter(parameter)
        label, start = f"{stage}.{parameter}", resolved[stage][parameter]
        if param.choices:
            axes.append(Axis(label, start, param.choices))
            continue
        if not isinstance(start, (int, float)) or not np.isfinite([param.lower, param.upper]).all():
            raise UsageError(f"{label} cannot be searched: it is not one number between bounds; set it in the profile")
        low, high = float(param.lower), float(param.upper)
        ratio = low >= 0 and start > 0 and high > WIDE * start and not param.integer
        if ratio:
            low, high = max(low, start / FACTOR), start * FACTOR
        axes.append(Axis(label, float(start), (), low, high, param.integer, ratio))
    return axes


def axes_around(parameters: Parameters) -> list[Axis]:
    """Axes of numbers that usually move by gradient, around their start."""
    reach = REACH * parameters.scale
    lower = np.maximum(parameters.start - reach, parameters.lower)
    upper = np.minimum(parameters.start + reach, parameters.upper)
    rows = zip(parameters.labels, parameters.start, lower, upper, strict=True)
    return [Axis(label, float(start), (), float(low), float(high)) for label, start, low, high in rows]


def search(
    axes: Sequence[Axis], objective: Callable[[Mapping[str, Any]], float], *, seed: int, trials: int,
    sampler: Sampler | None = None,
) -> tuple[Mapping[str, Any], float]:
    """The values with the smallest objective, and it; the first trial is the start.

    Parameters
    ----------
    objective : from values by label to a finite number; NumericError for values that give none
    trials : how many, the start included

    Raises
    ------
    NumericError
        No trial gave a number.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    numbers = all(not a.choices for a in axes)
    chosen = sampler or ("cmaes" if numbers and len(axes) > 1 else "tpe")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's, of interfaces that may change; its version is pinned by the journal
        study = optuna.create_study(sampler=_sampler(chosen, axes, seed))
        study.enqueue_trial({a.label: a.start for a in axes})
        best: tuple[Mapping[str, Any], float] | None = None
        reason = ""
        for number in range(trials):
            trial = study.ask({a.label: _distribution(a) for a in axes})
            try:
                value = objective(trial.params)
            except NumericError as error:
                value, reason = FAILED, str(error)
            except UsageError as error:
                # values that do not go together; if the start does not, the search cannot begin
                if number == 0:
                    raise
                value, reason = FAILED, str(error)
            study.tell(trial, value)
            if value < FAILED and (best is None or value < best[1]):
                best = dict(trial.params), value
    if best is None:
        raise NumericError(f"no trial of {trials} gave a value: {reason}")
    return best


def _sampler(name: str, axes: Sequence[Axis], seed: int) -> Any:
    from optuna import samplers

    if name == "random":
        return samplers.RandomSampler(seed=seed)
    if name == "tpe":
        return samplers.TPESampler(seed=seed, multivariate=len(axes) > 1, group=False)
    return samplers.CmaEsSampler(x0={a.label: a.start for a in axes}, seed=seed, warn_independent_sampling=False)


def _distribution(axis: Axis) -> Any:
    from optuna import distributions

    if axis.choices:
        return distributions.CategoricalDistribution(axis.choices)
    if axis.integer:
        return distributions.IntDistribution(int(axis.lower), int(axis.upper))
    return distributions.FloatDistribution(axis.lower, axis.upper, log=axis.ratio)
