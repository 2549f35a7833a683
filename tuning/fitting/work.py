"""A fit at work: which problems it makes of a profile and pairs, and how it goes through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.commands import Stopped
from isp.errors import NumericError, UsageError
from isp.profile import Profile
from isp.values import Float64, Picture
from tuning.fitting.chain import Chain
from tuning.fitting.descend import Method, descend
from tuning.fitting.goal import Goal, parse_goal
from tuning.fitting.journal import Journal
from tuning.fitting.loss import Loss, Target
from tuning.fitting.outcome import compared, identity, numbers, provenance
from tuning.fitting.pairs import Pair, target_of
from tuning.fitting.parameters import Asked, Parameters, parameters_at
from tuning.fitting.problem import Problem
from tuning.fitting.registration import Registered
from tuning.fitting.result import Compared, FitResult, changed
from tuning.fitting.search import Sampler, axes_around, axes_of, search
from tuning.fitting.state import SEARCHES, Best, Ended, Options, Progress
from tuning.fitting.walk import EXPOSURE, Walk

if TYPE_CHECKING:
    from isp.pipeline import Pipeline

INNER = 8
"""Evaluations down the gradient inside each trial of a search."""


class Fit:
    """One fit at work: makes its problems, goes through them, and gives the result."""

    def __init__(
        self, profile: Profile, pairs: Sequence[Pair], held: Sequence[Pair], names: Asked, objective: str,
        options: Options, journal: Journal, tell: Callable[[Progress], None],
    ) -> None:
        self.profile, self.pairs, self.held, self.names, self.options = profile, pairs, held, names, options
        self.goal = parse_goal(objective) if objective != "match" else None
        self.journal = journal
        self.notes: list[str] = []
        self.best = Best(options, tell)
        self.threads = int(options.threads or 1)
        self.targets: dict[int, tuple[Target, Registered]] = {}
        self.goal_parameters: Parameters
        self.journal.begin(identity(profile, pairs, names, objective, options))
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
        found = descend(problem, vector, method=methods.get(self.options.optimiser), steps=steps)
        return found.converged, found.reason

    def _search_outside(self, start: Problem) -> tuple[bool, str]:
        """Search of choices, with a few steps down the gradient inside each trial, from the best so far."""
        axes = axes_of(self.profile, self.names.search, start.chains[0].walk.stops({})[-1].context.resolved)
        gradient = len(start.start) > 0

        def objective(values: Mapping[str, Any]) -> float:
            self.best.trying, self.best.what = dict(values), words_of(values)
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

        walk = Walk(self.profile, self.pairs[0].raw, self.names.stages, self.pairs[0].companions)
        last = walk.stops({})[-1]
        parameters = self._parameters(walk)
        self.goal_parameters = parameters
        axes = [*axes_around(parameters), *axes_of(self.profile, self.names.search, last.context.resolved)]

        def objective(values: Mapping[str, Any]) -> float:
            vector = np.array([values[label] for label in parameters.labels], np.float64)
            choices = {k: v for k, v in values.items() if k not in parameters.labels}
            self.best.trying, self.best.what = choices, words_of(values)

            def compute() -> float:
                trial = changed(self.profile, {**parameters.values(vector), **named(choices)})
                pipeline = Pipeline(trial, threads=self.options.threads)
                pictures = [_picture(pipeline, pair) for pair in self.pairs]
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
        profile = changed(self.profile, named(choices))
        walks = [Walk(profile, pair.raw, self.names.stages, pair.companions) for pair in self.pairs]
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
        if self.options.offsets is not None:
            return self.options.offsets
        # what runs on the host has no derivative
        host = [e.stage.kind in ("numpy", "frame") for e in profile.stages if e.enabled]
        names = [e.name for e in profile.stages if e.enabled]
        return there and not free and not any(host[names.index(EXPOSURE[0]) :])

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
        parameters = best.problem.parameters if best.problem is not None else self.goal_parameters
        profile = changed(self.profile, {**parameters.values(best.vector), **named(best.settings)})
        covariance, found = numbers(best, parameters, interruption is None)
        pictures: tuple[Compared, ...] = ()
        if interruption is None:
            pictures = compared((self.profile, profile), self.pairs, self.held, best, self.targets, self.threads)
        free = (*parameters.names, *self.names.search)
        return FitResult(
            profile=profile,
            loss=float(best.loss),
            loss_before=best.history[0].loss,
            history=tuple(best.history),
            parameters=found,
            settings=dict(best.settings),
            covariance=covariance,
            pictures=pictures,
            converged=converged,
            reason=reason,
            provenance=provenance(self.profile, self.pairs, free, self.options, len(best.history)),
            notes=tuple(self.notes),
            interruption=interruption,
        )


def _picture(pipeline: Pipeline, pair: Pair) -> Picture:
    value = pipeline.run(pair.raw, companions=pair.companions).value
    if not isinstance(value, Picture):
        raise UsageError("the profile does not end in a picture")
    return value


def named(values: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Values by (stage, parameter), from labels."""
    return {tuple(label.split(".", 1)): value for label, value in values.items()}  # type: ignore[misc]


def words_of(values: Mapping[str, Any]) -> str:
    """Values in a line."""
    return ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items())
