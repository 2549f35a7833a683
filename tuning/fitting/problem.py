"""Several pairs and one vector of free numbers: loss, gradient and curvature of the whole.

The vector holds the parameters, then (unless told otherwise) a correction of exposure for each picture: what the camera
or its user did to one picture alone is not the profile's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isp.errors import NumericError
from isp.values import Float32, Float64
from tuning.fitting.chain import Chain, Rendered
from tuning.fitting.journal import Journal
from tuning.fitting.loss import Loss
from tuning.fitting.parameters import OFFSET_RANGE, Parameters

PRIOR = 1e-8
"""Weight of the priors: a parameter one standard deviation from its start costs half of it, which is what the picture
costs when it is off by 0.0003 (a tenth of a code of 8 bits)."""
OFFSET_DEVIATION = 1.0
"""Standard deviation of a picture's own exposure [EV]."""
OFFSET_PRIOR = 1e-6
JACOBIAN = 2e-3
"""Width of the differences that columns of the Jacobian are taken over [scales]: of float32 pictures."""
FINE = 5e-4
"""The same for the covariance: narrower steps meet more of float32's rounding, wider ones more corners."""


@dataclass
class Work:
    """What has been spent."""

    evaluations: int = 0
    pictures: int = 0


class Problem:
    """The loss of all pairs as a function of one vector.

    Parameters
    ----------
    parameters : Parameters
    chains, losses : one for each pair
    offsets : True if each picture has its own exposure
    journal : where evaluations are kept
    key : what else the journal's evaluations depend on (values of choices, say)
    tell : called with the loss after each evaluation; may raise to stop
    """

    def __init__(
        self, parameters: Parameters, chains: Sequence[Chain], losses: Sequence[Loss], *, offsets: bool,
        journal: Journal, key: Any = None, tell: Callable[[Float64, float], None] = lambda _vector, _loss: None,
        work: Work | None = None,
    ) -> None:
        self.parameters, self.chains, self.losses, self.offsets = parameters, tuple(chains), tuple(losses), offsets
        self.journal, self.key, self.tell = journal, key, tell
        self.work = work if work is not None else Work()
        extra = len(self.chains) if offsets else 0
        self.start = np.concatenate([parameters.start, np.zeros(extra)])
        self.lower = np.concatenate([parameters.lower, np.full(extra, -OFFSET_RANGE)])
        self.upper = np.concatenate([parameters.upper, np.full(extra, OFFSET_RANGE)])
        self.scale = np.concatenate([parameters.scale, np.ones(extra)])
        self.labels = (*parameters.labels, *(f"exposure of picture {i + 1} [EV]" for i in range(extra)))
        sigma = np.concatenate([parameters.deviation, np.full(extra, OFFSET_DEVIATION)])
        self.deviation = sigma
        weight = np.concatenate([np.full(len(parameters.start), PRIOR), np.full(extra, OFFSET_PRIOR)])
        with np.errstate(divide="ignore"):
            self.prior = np.where(np.isfinite(sigma) & (sigma > 0), weight / sigma**2, 0.0)
        self._kept: list[Rendered | None] = [None] * len(self.chains)

    def loss(self, vector: Float64) -> float:
        """Mean loss of the pairs, and the priors."""
        def compute() -> float:
            return float(np.mean([loss(r.picture) for loss, r in zip(self.losses, self._render(vector), strict=True)]))

        return self._told(vector, self._once("loss", vector, compute))

    def derivative(self, vector: Float64) -> tuple[float, Float64]:
        """The loss and its gradient (N,)."""
        def compute() -> list[Any]:
            total, gradient = 0.0, np.zeros(len(vector))
            for number, rendered in enumerate(self._render(vector)):
                value, slopes = self.losses[number].derivative(rendered.picture)
                total += value
                self._spread(gradient, number, self.chains[number].gradient(rendered, slopes))
            return [total / len(self.chains), (gradient / len(self.chains)).tolist()]

        value, gradient = self._once("derivative", vector, compute)
        away = vector - self.start
        return self._told(vector, value), np.asarray(gradient, np.float64) + self.prior * away

    def curvature(self, vector: Float64) -> Float64:
        """(N, N) second derivative as Gauss and Newton take it, without the priors."""
        def compute() -> Any:
            total = np.zeros((len(vector), len(vector)))
            for number, rendered in enumerate(self._render(vector)):
                places, loss = self._places(number), self.losses[number]
                total[np.ix_(places, places)] += loss.curvature(
                    rendered.picture, self._columns(number, rendered, JACOBIAN)
                )
            return (total / len(self.chains)).tolist()

        return self._matrix("curvature", vector, compute)

    def information(self, vector: Float64) -> Float64:
        """(N, N) `curvature` without what differences make up: for numbers that do the same, it is zero.

        Pixels next to corners of tables and limits have slopes that depend on the width of the difference. What two
        widths differ by is the error of the Jacobian J; as a curvature of its own it is taken off: J^T w J - E^T w E.
        """
        def compute() -> Any:
            total = np.zeros((len(vector), len(vector)))
            for number, rendered in enumerate(self._render(vector)):
                places, loss = self._places(number), self.losses[number]
                narrow, wide = (self._columns(number, rendered, w, both=True) for w in (FINE, 2 * FINE))
                found = loss.curvature(rendered.picture, wide)
                error = loss.curvature(rendered.picture, wide - narrow)
                total[np.ix_(places, places)] += found - error
            return (total / len(self.chains)).tolist()

        return self._matrix("information", vector, compute)

    def _matrix(self, kind: str, vector: Float64, compute: Callable[[], Any]) -> Float64:
        return np.asarray(self._once(kind, vector, compute), np.float64).reshape(len(vector), len(vector))

    def residuals(self, vector: Float64) -> list[float]:
        """Root mean square difference of each picture, in code values."""
        def compute() -> list[float]:
            pictures = self._render(vector)
            return [loss.residual(r.picture) for loss, r in zip(self.losses, pictures, strict=True)]

        found: list[float] = self._once("residuals", vector, compute)
        return found

    def local(self, vector: Float64, number: int) -> Float64:
        """The part of the vector that one picture depends on."""
        return vector[self._places(number)]

    def _places(self, number: int) -> list[int]:
        count = len(self.parameters.start)
        return [*range(count), count + number] if self.offsets else list(range(count))

    def _spread(self, gradient: Float64, number: int, own: Float64) -> None:
        gradient[self._places(number)] += own

    def _columns(self, number: int, rendered: Rendered, width: float, *, both: bool = False) -> Float32:
        """(N, 3, rows, W) derivatives of the rows that `Loss.curvature` looks at, by differences [scales].

        To one side, or to `both`; never out of the bounds.
        """
        chain, loss, places = self.chains[number], self.losses[number], self._places(number)
        here = loss.rows(rendered.picture)
        columns = np.empty((len(places), *here.shape), np.float32)
        for index, place in enumerate(places):
            step = width * self.scale[place]
            room = self.upper[place] - rendered.vector[index], rendered.vector[index] - self.lower[place]
            up = step if room[0] >= step else 0.0
            down = step if (both or not up) and room[1] >= step else 0.0
            self.work.pictures += 1
            high, low = (here if not e else chain.rows(rendered, index, e, loss.sparse) for e in (up, -down))
            np.subtract(high, low, out=columns[index])
            columns[index] *= np.float32(1 / (up + down)) if up + down else np.float32(0)
        return columns

    def _render(self, vector: Float64) -> list[Rendered]:
        result = []
        for number, chain in enumerate(self.chains):
            local, kept = self.local(vector, number), self._kept[number]
            if kept is None or not np.array_equal(kept.vector, local):
                self._kept[number] = None  # let go of it before there are two
                kept = chain.render(local)
                self.work.pictures += 1
                _check(kept.picture, chain)
                self._kept[number] = kept
            result.append(kept)
        return result

    def _once(self, kind: str, vector: Float64, compute: Callable[[], Any]) -> Any:
        self.work.evaluations += 1
        return self.journal.once(kind, [self.key, vector.tolist()], compute)

    def _told(self, vector: Float64, value: float) -> float:
        away = vector - self.start
        total = float(value + 0.5 * np.sum(self.prior * away * away))
        self.tell(vector, total)
        return total


def _check(picture: Float32, chain: Chain) -> None:
    low, high = float(picture.min()), float(picture.max())
    if not np.isfinite(low) or not np.isfinite(high):
        bad = ~np.isfinite(picture).all(axis=0)
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise NumericError(
            f"the picture of {chain.walk.frame.origin.name} has {int(bad.sum())} pixels that are not finite, the first "
            f"at row {row}, column {column}; the fit stops"
        )
