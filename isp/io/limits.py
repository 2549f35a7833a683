"""What a file may ask of us before we say no. Every refusal names the limit and how to raise it.

The defaults are far above any phone's frame (200 megapixels, 16384 x 12288) and far below what a hostile header claims.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from isp.errors import LimitError, UsageError


@dataclass(frozen=True)
class Limits:
    """Upper bounds on one input file, every one a number > 0.

    Parameters
    ----------
    file_megabytes : size of the file [10^6 bytes]
    megapixels : size of the frame [10^6 px]
    side : width or height of the frame [px]
    ifds : directories (IFDs) in a TIFF container
    tag_megabytes : size of one metadata tag [10^6 bytes]
    opcodes : opcodes in one DNG opcode list
    gain_map_points : points of one DNG gain map
    decoder_megabytes : memory of the decoder process, beyond what it needs to start [10^6 bytes]
    decoder_cpu_seconds : processor time of the decoder process [s]
    decoder_seconds : time to wait for the decoder process [s]
    """

    file_megabytes: float = 2000
    megapixels: float = 400
    side: float = 40_000
    ifds: float = 128
    tag_megabytes: float = 64
    opcodes: float = 64
    gain_map_points: float = 65_536
    decoder_megabytes: float = 4000
    decoder_cpu_seconds: float = 60
    decoder_seconds: float = 120

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
                raise UsageError(f"limit {field.name}={value!r} must be a finite number > 0")

    def check(self, name: str, value: float, what: str, factor: float = 1.0) -> None:
        """Raise `LimitError` if `value` (in units of the limit times `factor`) is above the limit called `name`."""
        limit = getattr(self, name)
        if value > limit * factor:
            found = value / factor
            raise LimitError(
                f"{what}: {found:.10g} is above the limit {name}={limit:g}; "
                f"raise it with --limit {name}={math.ceil(found)} if you trust the file"
            )

    def check_size(self, width: int, height: int, name: str) -> None:
        """Raise `LimitError` if a frame of `width` x `height` [px] is above `side` or `megapixels`."""
        self.check("side", max(width, height), f"{name}: longest side of a {width}x{height} frame [px]")
        self.check("megapixels", width * height, f"{name}: megapixels of a {width}x{height} frame", 1e6)


DEFAULT_LIMITS = Limits()


def parse_limits(settings: Iterable[str], base: Limits = DEFAULT_LIMITS) -> Limits:
    """`base` with ``NAME=NUMBER`` settings applied (the command's ``--limit``).

    Raises
    ------
    UsageError
        Unknown name (the nearest is suggested) or a value that is not a number > 0.
    """
    names = [field.name for field in fields(Limits)]
    for setting in settings:
        name, equals, text = setting.partition("=")
        if name not in names or not equals:
            near = difflib.get_close_matches(name, names, 1)
            close = bool(near) and near[0] != name
            hint = f"did you mean {near[0]!r}?" if close else f"write NAME=NUMBER, NAME among {', '.join(names)}"
            raise UsageError(f"--limit {setting!r}: {hint}")
        try:
            value = float(text)
        except ValueError:
            raise UsageError(f"--limit {setting!r}: {text!r} is not a number") from None
        base = replace(base, **{name: value})
    return base
