"""`--fail-if`: conditions on what was measured, for use in continuous integration."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from isp.errors import UsageError
from reports.model import Report

FAILED = 8
"""Exit code where a condition holds."""

_OPERATORS = MappingProxyType(
    {">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt}
)
_FORM = re.compile(r"\s*(?:([A-Z]):)?([a-z0-9_.]+)\s*(>=|<=|==|!=|>|<)\s*([-+]?[0-9.]+(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Condition:
    """``delta_e.mean>2``: of any input, or of one: ``B:delta_e.mean>2``."""

    text: str
    label: str
    key: str
    holds: Callable[[float, float], bool]
    bound: float


def parse(text: str) -> Condition:
    """One condition.

    Raises
    ------
    UsageError
        It is not of the form ``[LABEL:]KEY OPERATOR NUMBER``.
    """
    found = _FORM.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        bound = float(found[4])
    except ValueError:
        raise UsageError(
            f"--fail-if {text!r} must be [LABEL:]KEY OPERATOR NUMBER, such as 'delta_e.mean>2' or 'B:snr.mid<30'; "
            f"operators: {' '.join(_OPERATORS)}"
        ) from None
    return Condition(text.strip(), found[1] or "", found[2], _OPERATORS[found[3]], bound)


def failures(conditions: Sequence[Condition], report: Report) -> list[str]:
    """A sentence for each condition that holds, or that cannot be judged as its quantity is n.a.

    Raises
    ------
    UsageError
        No quantity or input of that name was asked of this report.
    """
    quantities = {q.key: q for q in report.quantities}
    labels = [i.label for i in report.inputs] or [report.title]
    found = []
    for condition in conditions:
        if condition.key not in quantities:
            near = difflib.get_close_matches(condition.key, quantities, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                f"--fail-if {condition.text!r}: this report has no {condition.key!r}; {hint}it has: "
                + ", ".join(quantities)
            )
        if condition.label and condition.label not in labels:
            raise UsageError(f"--fail-if {condition.text!r}: no input {condition.label}; inputs: {', '.join(labels)}")
        for label, estimate in zip(labels, quantities[condition.key].estimates, strict=True):
            if condition.label not in ("", label):
                continue
            if not estimate.known:
                found.append(f"{condition.text}: {label} is {estimate}")
            elif condition.holds(float(estimate), condition.bound):
                found.append(f"{condition.text}: {label} has {estimate}")
    return found
