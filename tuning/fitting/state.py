"""How a fit is asked for, and where it stands: options, progress, the best so far, when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from isp.values import Float64
from tuning.fitting.loss import Space
from tuning.fitting.problem import Problem, Work
from tuning.fitting.result import Trial
from tuning.fitting.search import Sampler

Optimiser = Literal["auto", "gauss_newton", "l_bfgs", "cmaes", "tpe", "random"]
OPTIMISERS: tuple[str, ...] = get_args(Optimiser)
SEARCHES: tuple[str, ...] = get_args(Sampler)
TRIALS = 40
"""Trials of a search unless told otherwise."""


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
    """How to fit; see `tuning.fit`. `move` is its `register`, `offsets` its `own_exposure`, `time` its `seconds`."""

    optimiser: Optimiser = "auto"
    space: Space = "encoded"
    move: bool = True
    offsets: bool | None = None
    seed: int = 0
    trials: int = TRIALS
    time: float | None = None
    evaluations: int | None = None
    threads: int | None = None


class Best:
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
