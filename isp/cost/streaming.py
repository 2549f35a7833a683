"""How far each value of a stage lags behind its input in a stream, and how many rows of it are kept for that.

J. Hegarty et al., "Darkroom: compiling high-level image processing code into hardware pipelines", ACM TOG 33(4), 2014:
values are computed at a steady rate, each a fixed time behind the input; a reader never comes before what it reads; and
the lags are those for which the line buffers together are smallest, an integer linear program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

Reader = tuple[str, Fraction, Fraction]
"""(name, first, last): row y of that Func needs rows (rate y + first) to (rate y + last)."""


@dataclass(frozen=True)
class Kept:
    """A value that is read row by row.

    Parameters
    ----------
    name : of the Func it belongs to
    readers : tuple of Reader
    size : of one of its lines, in lines of the output
    """

    name: str
    readers: tuple[Reader, ...]
    size: Fraction


def schedule(
    names: Sequence[str], rates: Mapping[str, Fraction], kept: Sequence[Kept]
) -> tuple[Fraction, tuple[int, ...]]:
    """The least latency of the last Func, and the lines of each of `kept` that come with it.

    Parameters
    ----------
    names : Funcs in the order in which they are computed, the input first, the output last
    rates : rows of each for every row of the output
    kept : of these Funcs

    Returns
    -------
    latency : rows of the output by which it lags behind the input
    lines : rows of each of `kept` that wait, beside the one that is being computed, where most of them do

    Raises
    ------
    ValueError
        A value reads rows that are computed from its own.
    """
    import numpy as np
    from scipy.optimize import LinearConstraint, milp

    latency = _least(names, rates, kept)
    lags, total = {name: i for i, name in enumerate(names)}, len(names) + len(kept)
    rows, least = [], []

    def row(*terms: tuple[int, Fraction | int]) -> None:
        line = np.zeros(total)
        for column, factor in terms:
            line[column] += float(factor)
        rows.append(line)

    for number, each in enumerate(kept, len(names)):
        rate = rates[each.name]
        for reader, first, last in each.readers:
            # of rows: a reader's lag behind what it reads, and how long the oldest row it reads has been there
            row((lags[reader], rate), (lags[each.name], -rate))
            least.append(float(last))
            row((number, 1), (lags[reader], -rate), (lags[each.name], rate))
            least.append(-float(first))
    low, high = np.full(total, -np.inf), np.full(total, np.inf)
    low[len(names) :] = 0
    low[0] = high[0] = 0
    low[len(names) - 1] = high[len(names) - 1] = float(latency)
    cost = np.concatenate([np.zeros(len(names)), [float(each.size) for each in kept]])
    whole = np.concatenate([np.zeros(len(names)), np.ones(len(kept))])
    found = milp(
        cost, integrality=whole, bounds=(low, high),
        constraints=[LinearConstraint(np.array(rows), np.array(least), np.inf)] if rows else [],
    )  # fmt: skip
    if found.x is None:
        raise ValueError(f"no lags of {', '.join(names)} are possible: {found.message}")
    return latency, tuple(round(v) for v in found.x[len(names) :])


def _least(names: Sequence[str], rates: Mapping[str, Fraction], kept: Sequence[Kept]) -> Fraction:
    """The longest way from the input to the output; what comes from elsewhere is there when it is needed."""
    ways = {names[0]: Fraction(0)}
    for name in names[1:]:
        waits = [
            ways[each.name] + last / rates[each.name]
            for each in kept if each.name in ways for reader, _, last in each.readers if reader == name
        ]  # fmt: skip
        if waits:
            ways[name] = max(waits)
    return max(ways.get(names[-1], Fraction(0)), Fraction(0))
