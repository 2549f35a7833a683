"""Colour filter arrays: a general repeating pattern, read from the top-left active pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from isp.errors import InputError

SITES = ("R", "Gr", "Gb", "B")
"""Names of the four Bayer sites: Gr is the green on a red row, Gb the green on a blue row."""

_LETTERS = frozenset("RGBYWCM")
_SIDES = (1, 2, 4, 6, 8)
_BLOCK_NAMES = {1: "Bayer", 2: "quad", 3: "nona", 4: "hexadeca"}


@dataclass(frozen=True)
class Cfa:
    """A repeating colour filter pattern.

    Parameters
    ----------
    pattern : str
        Rows of letters joined by ``/`` from the top-left active pixel: ``RG/GB``, ``RY/YB``, ``Y``,
        ``RRGG/RRGG/GGBB/GGBB``. A 2x2 pattern may be given short: ``RGGB``. Letters: R, G, B, Y (yellow, or
        luminance when alone), W, C, M. The pattern is square with a side of 1, 2, 4, 6 or 8.

    Raises
    ------
    InputError
        The text is not such a pattern.
    """

    pattern: str

    def __post_init__(self) -> None:
        text = self.pattern.strip().upper()
        if "/" not in text and len(text) == 4:
            text = f"{text[:2]}/{text[2:]}"
        rows = text.split("/")
        side = len(rows)
        if side not in _SIDES or any(len(row) != side for row in rows) or not set("".join(rows)) <= _LETTERS:
            raise InputError(
                f"CFA {self.pattern!r} not supported; supported: a square pattern of side 1, 2, 4, 6 or 8 of the "
                "letters R G B Y W C M, rows joined by '/', for example RGGB, RY/YB or RRGG/RRGG/GGBB/GGBB"
            )
        object.__setattr__(self, "pattern", text)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The rows of letters."""
        return tuple(self.pattern.split("/"))

    @property
    def period(self) -> int:
        """Side of the repeating square [px]."""
        return len(self.rows)

    @cached_property
    def _blocks(self) -> tuple[int, int, int]:
        """Side k of the same-colour blocks, and where (x, y) in its block the top-left pixel lies."""
        k, n = self.period // 2, self.period
        if k in (2, 3, 4):
            for oy, ox in ((y, x) for y in range(k) for x in range(k)):
                inside = self.shifted(-ox, -oy).rows
                if all(inside[y][x] == inside[y - y % k][x - x % k] for y in range(n) for x in range(n)):
                    return k, ox, oy
        return 1, 0, 0

    @property
    def block(self) -> int:
        """Side k of the same-colour blocks: 1 Bayer, 2 quad, 3 nona, 4 hexadeca; 1 where there are none [px]."""
        return self._blocks[0]

    @cached_property
    def base(self) -> str:
        """The 2x2 pattern of the blocks as four letters (`RGGB` for a quad sensor), or the pattern itself."""
        k, ox, oy = self._blocks
        if self.period == 2 * k:
            return "".join(self.at(x * k - ox, y * k - oy) for y in (0, 1) for x in (0, 1))
        return self.pattern

    @cached_property
    def family(self) -> str:
        """`bayer`, `ryyb`, `quad`, `nona`, `hexadeca`, `mono` or `other`."""
        if self.period == 1:
            return "mono"
        if self.period != 2 * self.block:
            return "other"
        green = {"BGGR": "G", "BRYY": "Y"}.get("".join(sorted(self.base)))
        if green is None or not (self.base[0] == self.base[3] == green or self.base[1] == self.base[2] == green):
            return "other"
        if self.block > 1:
            return _BLOCK_NAMES[self.block]
        return "bayer" if green == "G" else "ryyb"

    @cached_property
    def phase(self) -> tuple[int, int]:
        """Place (x, y) of the top-left pixel in the grid whose origin is the first pixel of a red block [px]."""
        if self.family in ("mono", "other"):
            return (0, 0)
        k, ox, oy = self._blocks
        i = self.base.index("R")
        return (i % 2 * k + ox, i // 2 * k + oy)

    def at(self, x: int, y: int) -> str:
        """The letter of pixel column `x`, row `y`."""
        return self.rows[y % self.period][x % self.period]

    def shifted(self, x: int, y: int) -> Cfa:
        """The pattern seen from pixel column `x`, row `y` (as after a crop)."""
        n = self.period
        return Cfa("/".join("".join(self.at(x + i, y + j) for i in range(n)) for j in range(n)))

    def __str__(self) -> str:
        return self.base if self.period == 2 else self.pattern
