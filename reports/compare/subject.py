"""What the chapters measure: the pictures, and what is known about what they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from isp.values import Float64
from reports.compare.differences import Cells
from reports.estimate import Estimate
from reports.model import Better, Quantity, Section
from reports.source import Source

Made = TypeVar("Made")


@dataclass(frozen=True)
class Subject:
    """The pictures of one report.

    Parameters
    ----------
    labels : ``A``, ``B``, ...
    sources : one for each label
    cells : of each source
    regions : what the simulator says is where (`regions` of a `truth.json`), or None
    corners : (4, 2) of a 24-patch chart given by hand [px], or None
    chart : name of the chart's reference values
    reference : the picture that all are compared with, or None
    """

    labels: tuple[str, ...]
    sources: tuple[Source, ...]
    cells: tuple[Cells, ...]
    regions: Sequence[dict[str, Any]] | None = None
    corners: Float64 | None = None
    chart: str | None = None
    reference: Source | None = None
    made: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: str, make: Callable[[], Made]) -> Made:
        """What `make` gives, made once: chapters share what they look for."""
        if key not in self.made:
            self.made[key] = make()
        found: Made = self.made[key]
        return found

    @property
    def alike(self) -> bool:
        """True if all pictures have one size: what is found in one is then measured in all."""
        return len({s.shape for s in self.sources}) == 1

    @property
    def agreed(self) -> list[int]:
        """Indices in an order that does not depend on how the inputs were given."""
        return sorted(range(len(self.sources)), key=lambda i: (self.sources[i].origin.sha256, self.labels[i]))


@dataclass(frozen=True)
class Chapter:
    """A section and its quantities."""

    section: Section
    quantities: tuple[Quantity, ...] = field(default=())


@dataclass(frozen=True)
class Asked:
    """One quantity to be made of every input's result."""

    key: str
    label: str
    better: Better = ""
    noticeable: float = 0.0
    note: str = ""

    def of(self, group: str, estimates: Sequence[Estimate]) -> Quantity:
        """The quantity of these estimates."""
        return Quantity(self.key, self.label, group, tuple(estimates), self.better, self.noticeable, self.note)
