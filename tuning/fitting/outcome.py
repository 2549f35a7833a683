"""From the best vector to the result: the profile, numbers with their intervals, pictures before and after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isp.errors import UsageError
from isp.profile import Profile
from isp.profile.fingerprint import profile_fingerprint
from isp.values import Float32, Float64, Picture
from tuning.fitting.loss import Loss, Target
from tuning.fitting.pairs import Pair, target_of
from tuning.fitting.parameters import Asked, Name, Parameters
from tuning.fitting.registration import Registered
from tuning.fitting.result import Compared, Fitted, covariance_of, fitted, versions
from tuning.fitting.state import SEARCHES, Best, Options


def numbers(best: Best, parameters: Parameters, sure: bool) -> tuple[Float64 | None, tuple[Fitted, ...]]:
    """The covariance, and every number with its interval; without one unless `sure` and down the gradient."""
    problem, count = best.problem, len(parameters.start)
    covariance: Float64 | None = None
    variances = np.full(count, np.inf)
    if problem is not None and count and sure and best.options.optimiser not in SEARCHES:
        pixels = int(sum(loss.target.count for loss in problem.losses) / 3)
        covariance = covariance_of(
            problem.information(best.vector), problem.residuals(best.vector), pixels, problem.scale, problem.deviation
        )[:count, :count]
        variances = np.diag(covariance)
    rows = zip(parameters.labels, parameters.start, best.vector[:count], variances, parameters.scale,
               parameters.lower, parameters.upper, strict=True)
    return covariance, tuple(
        fitted(label, float(before), float(value), float(variance), float(scale), (float(low), float(high)))
        for label, before, value, variance, scale, low, high in rows
    )


def compared(
    profiles: tuple[Profile, Profile], pairs: Sequence[Pair], held: Sequence[Pair], best: Best,
    targets: Mapping[int, tuple[Target, Registered]], threads: int,
) -> tuple[Compared, ...]:
    """Every pair with a reference, developed with the profile before and after; without exposures of their own."""
    rows = []
    options, problem = best.options, best.problem
    for number, pair in enumerate([*pairs, *held]):
        if pair.reference is None:
            continue
        (old, _), (new, encoding) = (_developed(each, pair) for each in profiles)
        target, there = targets.get(number) or target_of(pair, old, encoding, space=options.space, move=options.move)
        loss = Loss(target, threads)
        before, after = (-20 * float(np.log10(max(loss.residual(p), 1e-6))) for p in (old, new))
        own = problem is not None and problem.offsets and number < len(pairs)
        exposure = float(best.vector[number - len(pairs)]) if own else 0.0
        counted = float(target.weight.mean(dtype=np.float64))
        rows.append(Compared(
            pair.name, before, after, exposure, there.likeness, there.displacement, counted, number >= len(pairs)
        ))
    return tuple(rows)


def identity(
    profile: Profile, pairs: Sequence[Pair], names: Asked, objective: str, options: Options
) -> dict[str, Any]:
    """What a fit depends on, for its journal."""
    from isp.engine.programs import target_name

    return {
        "profile": profile_fingerprint(profile),
        "inputs": [_digests(p) for p in pairs],
        "parameters": [".".join(n) for n in (*names.gradient, *names.search)],
        "objective": objective,
        "options": {k: v for k, v in vars(options).items() if k not in ("time", "evaluations", "threads")},
        "versions": versions(),
        "machine": target_name(),
    }


def provenance(
    profile: Profile, pairs: Sequence[Pair], names: Sequence[Name], options: Options, evaluations: int
) -> dict[str, Any]:
    """Where a fitted profile came from, for its head."""
    return {
        "profile": f"{profile.name} {profile_fingerprint(profile)}",
        **{f"input {i + 1}": f"{p.name} {' '.join(_digests(p))}" for i, p in enumerate(pairs)},
        "parameters": ", ".join(".".join(n) for n in names),
        "optimiser": f"{options.optimiser}, seed {options.seed}, {evaluations} evaluations",
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
    }


def _developed(profile: Profile, pair: Pair) -> tuple[Float32, tuple[str, str]]:
    """(3, H, W) code values of a raw developed with a profile, as the raw lies, and their encoding."""
    from isp.pipeline import Pipeline

    last = [e.name for e in profile.stages if e.enabled][-1]
    value = Pipeline(profile).run(pair.raw, tap=last, companions=pair.companions).value
    if not isinstance(value, Picture):
        raise UsageError("the profile does not end in a picture")
    return np.ascontiguousarray(value.data.transpose(2, 0, 1)), (value.space, value.transfer)


def _digests(pair: Pair) -> list[str]:
    """SHA-256 of raw, of what is beside it, and of the reference: of their files, or of their numbers."""
    raw = pair.raw.origin.sha256 or hashlib.sha256(np.ascontiguousarray(pair.raw.data).tobytes()).hexdigest()
    planes, focus = pair.companions.planes, pair.companions.focus
    beside = [hashlib.sha256(np.ascontiguousarray(planes[name]).tobytes()).hexdigest() for name in sorted(planes)]
    beside += [] if focus is None else [f"focus {focus!r}"]
    if pair.reference is None:
        return [raw, *beside]
    pixels = np.ascontiguousarray(pair.reference.pixels)
    return [raw, *beside, pair.reference.origin.sha256 or hashlib.sha256(pixels.tobytes()).hexdigest()]
