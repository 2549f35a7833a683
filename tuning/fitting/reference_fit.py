"""`fit`: the parameters of a profile that make raw frames look like their references."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isp.commands import Stopped
from isp.errors import NumericError, UsageError
from isp.profile import Profile, read_profile
from isp.profile.fingerprint import profile_fingerprint
from isp.values import Float32, Float64, Picture
from tuning.fitting.chain import Chain
from tuning.fitting.descend import Descent, Method, descend
from tuning.fitting.goal import Goal, parse_goal
from tuning.fitting.journal import Journal
from tuning.fitting.loss import Loss, Space, Target
from tuning.fitting.pairs import Pair, pair_of, target_of
from tuning.fitting.parameters import Asked, Name, Parameters, asked, parameters_at
from tuning.fitting.problem import Problem, Work
from tuning.fitting.registration import Registered
from tuning.fitting.result import Compared, FitResult, Fitted, Trial, changed, covariance_of, fitted, versions
from tuning.fitting.search import Sampler, axes_around, axes_of, search
from tuning.fitting.walk import EXPOSURE, Walk

Optimiser = Literal["auto", "gauss_newton", "l_bfgs", "cmaes", "tpe", "random"]
OPTIMISERS = ("auto", "gauss_newton", "l_bfgs", "cmaes", "tpe", "random")
SEARCHES = ("cmaes", "tpe", "random")
TRIALS = 40
"""Trials of a search unless told otherwise."""
INNER = 8
"""Evaluations down the gradient inside each trial of a search."""


class Ended(Exception):
    """The time or the evaluations allowed are spent."""


@dataclass(frozen=True)
class Progress:
    """What a fit says as it goes: evaluations, the best loss so far, and pictures rendered per second."""

    evaluations: int
    loss: float
    pace: float


@dataclass(frozen=True)
class Options:
    """How to fit; see `fit`."""

    optimiser: Optimiser = "auto"
    space: Space = "encoded"
    move: bool = True
    offsets: bool | None = None
    seed: int = 0
    trials: int = TRIALS
    time: float | None = None
    evaluations: int | None = None
    threads: int | None = None


class _Best:
    """The best so far, the history, and when to stop."""

    def __init__(self, options: Options, tell: Callable[[Progress], None]) -> None:
        self.options, self.tell, self.work = options, tell, Work()
        self.began = time.perf_counter()
        self.history: list[Trial] = []
        self.loss, self.vector = np.inf, np.zeros(0)
        self.settings: dict[str, Any] = {}
        self.problem: Problem | None = None
        self.what = "gradient"
        self.trying: dict[str, Any] = {}

    def seen(self, problem: Problem | None, vector: Float64, loss: float) -> None:
        """Called after each evaluation; raises `Ended` when no more are allowed."""
        self.history.append(Trial(len(self.history) + 1, self.what, loss))
        if loss < self.loss:
            self.loss, self.vector, self.problem, self.settings = loss, vector.copy(), problem, dict(self.trying)
        spent = time.perf_counter() - self.began
        self.tell(Progress(len(self.history), self.loss, self.work.pictures / max(spent, 1e-9)))
        if self.options.evaluations is not None and len(self.history) >= self.options.evaluations:
            raise Ended(f"the {self.options.evaluations} evaluations allowed are spent")
        if self.options.time is not None and spent > self.options.time:
            raise Ended(f"the {self.options.time:g} s allowed are spent")


def fit(
    profile: Profile | str | Path,
    pairs: Iterable[Any],
    *,
    params: str | Iterable[str],
    objective: str = "match",
    freeze: str | Iterable[str] = (),
    validate: Iterable[Any] = (),
    optimiser: Optimiser = "auto",
    space: Space = "encoded",
    register: bool = True,
    own_exposure: bool | None = None,
    seed: int = 0,
    trials: int = TRIALS,
    seconds: float | None = None,
    evaluations: int | None = None,
    threads: int | None = None,
    journal: Journal | None = None,
    reading: Mapping[str, Any] | None = None,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> FitResult:
    """Find the parameters that make raw frames look like their references.

    Parameters
    ----------
    profile : Profile, or its name or path
        Where to begin; its values are also where the weak priors lie.
    pairs : of (raw, reference)
        `RawFrame` and `Picture`, or paths. For a goal the reference may be missing.
    params : str or iterable of str
        Free parameters, by stage or STAGE.PARAMETER: ``"tone_curve,ccm.matrix"``. A stage stands for its parameters
        that move by gradient; searched ones (choices, rough ones) are named one by one.
    objective : str
        ``"match"``: the references. Else a goal of measured quantities:
        ``"maximise acutance subject to visual_noise<1.5"``.
    freeze : like `params`
        Taken away from them again.
    validate : of (raw, reference)
        Held back: compared before and after, never fitted to.
    optimiser : str
        ``auto`` (Gauss-Newton, or L-BFGS-B for very many parameters, with a search around it where searched parameters
        are free), ``gauss_newton``, ``l_bfgs``, or a search of everything: ``cmaes``, ``tpe``, ``random``.
    space : ``encoded`` or ``oklab``
        In which differences are taken.
    register : bool
        Bring references onto the raw's grid; False where they are known to lie on it.
    own_exposure : bool, optional
        A correction of exposure for each picture alone. By default where the profile has an `exposure` stage that is
        not free.
    seed : int
        Of searches.
    trials : int
        Of searches.
    seconds, evaluations : stop after so many
    threads : of the engine; by default the processors there are. One makes results the same to the bit everywhere.
    journal : Journal
        Keeps evaluations, see `tuning.fitting.journal.open_journal`.
    reading : arguments of `isp.read_raw`
    tell : called after each evaluation

    Returns
    -------
    FitResult

    Raises
    ------
    UsageError
        A name, objective or option is wrong, or nothing is free.
    NumericError
        The fit cannot work: a reference of another scene, nothing in it counts, the loss does not depend on the
        parameters, a start outside its bounds, a picture that is not finite. No profile is made then.
    """
    base = profile if isinstance(profile, Profile) else read_profile(profile)
    _check(base, optimiser, space)
    taken = [pair_of(p, i + 1, reading) for i, p in enumerate(pairs)]
    held = [pair_of(p, len(taken) + i + 1, reading) for i, p in enumerate(validate)]
    if not taken:
        raise UsageError("nothing to fit to; give pairs of a raw and its reference")
    bare = [pair.name for pair in taken if pair.reference is None]
    if objective == "match" and bare:
        raise UsageError(f"{bare[0]} has no reference to match; write RAW:REFERENCE, or name a goal (--objective)")
    names = asked(base, _split(params), _split(freeze))
    options = Options(
        optimiser, space, register, own_exposure, seed, trials, seconds, evaluations, threads or _processors()
    )
    return _Fit(base, taken, held, names, objective, options, journal or Journal(), tell).run()


class _Fit:
    """One fit at work."""

    def __init__(
        self, profile: Profile, pairs: Sequence[Pair], held: Sequence[Pair], names: Asked, objective: str,
        options: Options, journal: Journal, tell: Callable[[Progress], None],
    ) -> None:
        self.profile, self.pairs, self.held, self.names, self.options = profile, pairs, held, names, options
        self.goal = parse_goal(objective) if objective != "match" else None
        self.journal = journal
        self.notes: list[str] = []
        self.best = _Best(options, tell)
        self.threads = int(options.threads or 1)
        self.targets: dict[int, tuple[Target, Registered]] = {}
        self.goal_parameters: Parameters
        self.journal.begin(self._identity(objective))
        if journal.torn:
            self.notes.append(f"the journal ended in the middle of a record: {journal.torn} bytes were cut off")

    def run(self) -> FitResult:
        """The whole fit, from the start to the result."""
        from isp.engine.runtime import set_threads

        set_threads(self.threads)
        interruption: BaseException | None = None
        try:
            converged, reason = self._goal(self.goal) if self.goal else self._match()
        except Ended as ended:
            converged, reason = False, str(ended)
        except (KeyboardInterrupt, Stopped) as stopped:
            if self.best.problem is None and not self.goal:
                raise
            converged, reason, interruption = False, "interrupted", stopped
        except NumericError as error:
            if len(self.best.history) < 2:
                raise
            # what was reached before is worth keeping
            converged, reason, interruption = False, str(error), error
        return self._result(converged, reason, interruption)

    # the ways to fit ----------------------------------------------------------------------------------------

    def _match(self) -> tuple[bool, str]:
        start = self._problem({})
        if self.options.optimiser in SEARCHES:
            return self._search_all(start)
        if not self.names.search:
            return self._down(start, start.start)
        return self._search_outside(start)

    def _down(self, problem: Problem, vector: Float64, steps: int = 200) -> tuple[bool, str]:
        methods: dict[str, Method] = {"gauss_newton": "gauss_newton", "l_bfgs": "l_bfgs"}
        found: Descent = descend(problem, vector, method=methods.get(self.options.optimiser), steps=steps)
        return found.converged, found.reason

    def _search_outside(self, start: Problem) -> tuple[bool, str]:
        """Search of choices, with a few steps down the gradient inside each trial, from the best so far."""
        axes = axes_of(self.profile, self.names.search, start.chains[0].walk.stops({})[-1].context.resolved)
        gradient = len(start.start) > 0

        def objective(values: Mapping[str, Any]) -> float:
            self.best.trying, self.best.what = dict(values), _words(values)
            problem = self._problem(values)
            if not gradient:
                return problem.loss(problem.start)
            near = self.best.vector
            inside = np.clip(near if len(near) == len(problem.start) else problem.start, problem.lower, problem.upper)
            return descend(problem, inside, steps=INNER).loss

        values, _ = search(axes, objective, seed=self.options.seed, trials=self.options.trials)
        if not gradient:
            return True, f"{self.options.trials} trials"
        self.best.trying, self.best.what = dict(values), "gradient"
        return self._down(self._problem(values), self.best.vector)

    def _search_all(self, start: Problem) -> tuple[bool, str]:
        """Search of everything that is free, numbers in boxes around their start."""
        resolved = start.chains[0].walk.stops({})[-1].context.resolved
        axes = [*axes_around(start.parameters), *axes_of(self.profile, self.names.search, resolved)]
        labels = start.parameters.labels

        def objective(values: Mapping[str, Any]) -> float:
            choices = {k: v for k, v in values.items() if k not in labels}
            self.best.trying, self.best.what = choices, str(self.options.optimiser)
            problem = self._problem(choices) if choices else start
            vector = np.concatenate([[values[label] for label in labels], problem.start[len(labels) :]])
            return problem.loss(vector)

        sampler: Sampler = self.options.optimiser  # type: ignore[assignment]
        search(axes, objective, seed=self.options.seed, trials=self.options.trials, sampler=sampler)
        return True, f"{self.options.trials} trials"

    def _goal(self, goal: Goal) -> tuple[bool, str]:
        """Search for what is measured in the developed pictures."""
        from isp.pipeline import Pipeline

        walk = Walk(self.profile, self.pairs[0].raw, self.names.stages)
        last = walk.stops({})[-1]
        parameters = self._parameters(walk)
        self.goal_parameters = parameters
        axes = [*axes_around(parameters), *axes_of(self.profile, self.names.search, last.context.resolved)]

        def objective(values: Mapping[str, Any]) -> float:
            vector = np.array([values[label] for label in parameters.labels], np.float64)
            choices = {k: v for k, v in values.items() if k not in parameters.labels}
            self.best.trying, self.best.what = choices, _words(values)

            def compute() -> float:
                trial = changed(self.profile, {**parameters.values(vector), **_named(choices)})
                pipeline = Pipeline(trial, threads=self.options.threads)
                pictures = [pipeline(pair.raw) for pair in self.pairs]
                self.best.work.pictures += len(pictures)
                return goal.value(pictures, [pair.reference for pair in self.pairs])

            value = float(self.journal.once("goal", [[values[a.label] for a in axes]], compute))
            self.best.seen(None, vector, value)
            return value

        sampler = self.options.optimiser if self.options.optimiser in SEARCHES else None
        _, loss = search(
            axes, objective, seed=self.options.seed, trials=self.options.trials,
            sampler=sampler,  # type: ignore[arg-type]
        )
        if loss >= self.best.history[0].loss:
            self.notes.append("no trial was better than the start")
        return True, f"{self.options.trials} trials"

    # problems -----------------------------------------------------------------------------------------------

    def _problem(self, choices: Mapping[str, Any]) -> Problem:
        """The problem with `choices` (by label) set."""
        profile = changed(self.profile, _named(choices))
        walks = [Walk(profile, pair.raw, self.names.stages) for pair in self.pairs]
        parameters = self._parameters(walks[0])
        offsets = self._has_offsets(profile)
        start = np.concatenate([parameters.start, np.zeros(int(offsets))])
        chains = [Chain(walk, parameters, start, self.threads) for walk in walks]
        losses = [self._loss(number, chain, start) for number, chain in enumerate(chains)]
        problem = Problem(
            parameters, chains, losses, offsets=offsets, journal=self.journal, key=sorted(choices.items()),
            tell=lambda vector, loss: self.best.seen(problem, vector, loss), work=self.best.work,
        )
        return problem

    def _parameters(self, walk: Walk) -> Parameters:
        """The free numbers, without those of whole stages that change nothing with the profile's other values."""
        last = walk.stops({})[-1]
        parameters = parameters_at(walk.profile, self.names.gradient, last)
        chain = Chain(walk, parameters, parameters.start, self.threads)
        idle = [n for n in parameters.names if not any(chain.reached[i] for i in parameters.places(n))]
        for stage, parameter in [*idle, *(n for n in self.names.gradient if n not in parameters.names)]:
            if stage not in self.names.whole:
                raise UsageError(f"{stage}.{parameter} changes nothing with the profile's other values; set those (a "
                                 "mode, a method, points of a curve), or leave it out")
        left = parameters.without(idle)
        if self.names.gradient and not left.names and not self.names.search:
            raise UsageError("no free parameter changes anything with the profile's other values")
        return left

    def _has_offsets(self, profile: Profile) -> bool:
        there = any(e.name == EXPOSURE[0] and e.enabled for e in profile.stages)
        free = EXPOSURE in self.names.gradient
        if self.options.offsets and not there:
            raise UsageError("pictures get an exposure of their own through the stage 'exposure'; the profile has none")
        return there and not free if self.options.offsets is None else self.options.offsets

    def _loss(self, number: int, chain: Chain, start: Float64) -> Loss:
        """The loss of a pair; its reference is brought onto the grid once."""
        if number not in self.targets:
            rendered = chain.render(start)
            encoding = chain.walk.encoding(rendered.stops[-1])
            self.targets[number] = target_of(
                self.pairs[number], rendered.picture, encoding, space=self.options.space, move=self.options.move
            )
        return Loss(self.targets[number][0], self.threads)

    # the result ---------------------------------------------------------------------------------------------

    def _result(self, converged: bool, reason: str, interruption: BaseException | None) -> FitResult:
        best = self.best
        settings = dict(best.settings)
        parameters = best.problem.parameters if best.problem is not None else self.goal_parameters
        vector = best.vector[: len(parameters.start)]
        values = {**parameters.values(vector), **_named(settings)}
        profile = changed(self.profile, values)
        covariance, numbers = self._numbers(parameters, vector, interruption)
        return FitResult(
            profile=profile,
            loss=float(best.loss),
            loss_before=best.history[0].loss,
            history=tuple(best.history),
            parameters=numbers,
            settings=settings,
            covariance=covariance,
            pictures=self._compared(profile) if interruption is None else (),
            converged=converged,
            reason=reason,
            provenance=self._provenance(parameters.names),
            notes=tuple(self.notes),
            interruption=interruption,
        )

    def _numbers(
        self, parameters: Parameters, vector: Float64, interruption: BaseException | None
    ) -> tuple[Float64 | None, tuple[Fitted, ...]]:
        """The covariance, and every number with its interval."""
        problem, count = self.best.problem, len(parameters.start)
        covariance: Float64 | None = None
        variances = np.full(count, np.inf)
        if problem is not None and count and interruption is None and self.options.optimiser not in SEARCHES:
            whole = self.best.vector
            pixels = int(sum(loss.target.count for loss in problem.losses) / 3)
            covariance = covariance_of(
                problem.information(whole), problem.residuals(whole), pixels, problem.scale, problem.deviation
            )[:count, :count]
            variances = np.diag(covariance)
        rows = zip(parameters.labels, parameters.start, vector, variances, parameters.scale, parameters.lower,
                   parameters.upper, strict=True)
        return covariance, tuple(
            fitted(label, float(before), float(value), float(variance), float(scale), (float(low), float(high)))
            for label, before, value, variance, scale, low, high in rows
        )

    def _compared(self, profile: Profile) -> tuple[Compared, ...]:
        """Every pair with a reference, before and after."""
        rows = []
        for number, pair in enumerate([*self.pairs, *self.held]):
            if pair.reference is None:
                continue
            pictures, encodings = [], []
            for each in (self.profile, profile):
                picture, encoding = _developed(each, pair)
                pictures.append(picture)
                encodings.append(encoding)
            target, there = self.targets.get(number) or target_of(
                pair, pictures[0], encodings[1], space=self.options.space, move=self.options.move
            )
            loss = Loss(target, self.threads)
            before, after = (-20 * float(np.log10(max(loss.residual(p), 1e-6))) for p in pictures)
            offsets = self.best.problem is not None and self.best.problem.offsets and number < len(self.pairs)
            exposure = float(self.best.vector[len(self.best.problem.parameters.start) + number]) if offsets else 0.0  # type: ignore[union-attr]
            rows.append(Compared(
                pair.name, before, after, exposure, there.likeness, there.displacement,
                float(target.weight.mean(dtype=np.float64)), number >= len(self.pairs),
            ))
        return tuple(rows)

    def _identity(self, objective: str) -> dict[str, Any]:
        """What the fit depends on, for its journal."""
        from isp.engine.programs import target_name

        options = {k: v for k, v in vars(self.options).items() if k not in ("time", "evaluations", "threads")}
        return {
            "profile": profile_fingerprint(self.profile),
            "inputs": [_identity_of(p) for p in self.pairs],
            "parameters": [".".join(n) for n in (*self.names.gradient, *self.names.search)],
            "objective": objective,
            "options": options,
            "versions": versions(),
            "machine": target_name(),
        }

    def _provenance(self, fitted_names: Sequence[Name]) -> dict[str, Any]:
        return {
            "profile": f"{self.profile.name} {profile_fingerprint(self.profile)}",
            **{f"input {i + 1}": f"{p.name} {' '.join(_identity_of(p))}" for i, p in enumerate(self.pairs)},
            "parameters": ", ".join(".".join(n) for n in (*fitted_names, *self.names.search)),
            "optimiser": f"{self.options.optimiser}, seed {self.options.seed}, {len(self.best.history)} evaluations",
            "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
        }


def _developed(profile: Profile, pair: Pair) -> tuple[Float32, tuple[str, str]]:
    """(3, H, W) code values of a raw developed with a profile, as the raw lies, and their encoding."""
    from isp.pipeline import Pipeline

    value = Pipeline(profile).run(pair.raw, tap=[e.name for e in profile.stages if e.enabled][-1]).value
    if not isinstance(value, Picture):
        raise UsageError("the profile does not end in a picture")
    return np.ascontiguousarray(value.data.transpose(2, 0, 1)), (value.space, value.transfer)


def _identity_of(pair: Pair) -> list[str]:
    """SHA-256 of raw and reference: of their files, or of their pixels."""
    raw = pair.raw.origin.sha256 or hashlib.sha256(np.ascontiguousarray(pair.raw.data).tobytes()).hexdigest()
    if pair.reference is None:
        return [raw]
    pixels = pair.reference.pixels
    return [raw, pair.reference.origin.sha256 or hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()]


def _check(profile: Profile, optimiser: str, space: str) -> None:
    if optimiser not in OPTIMISERS:
        raise UsageError(f"optimiser {optimiser!r} is not known; allowed: {', '.join(OPTIMISERS)}")
    if space not in ("encoded", "oklab"):
        raise UsageError(f"space {space!r} is not known; allowed: encoded, oklab")
    if profile.datapath is not None:
        raise UsageError("the profile imitates fixed-point arithmetic, which has no slopes; fit without its datapath")
    if not profile.complete:
        raise UsageError("a part of a profile ends in no picture; a whole one is needed")


def _split(names: str | Iterable[str]) -> list[str]:
    """Names from ``a,b.c``, or from a sequence of such."""
    parts = [names] if isinstance(names, str) else list(names)
    return [word.strip() for part in parts for word in part.split(",") if word.strip()]


def _named(values: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Values by (stage, parameter), from labels."""
    return {tuple(label.split(".", 1)): value for label, value in values.items()}  # type: ignore[misc]


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items())


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
