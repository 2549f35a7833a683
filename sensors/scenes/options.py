"""Options of scenes: their bounds and words, for the command line, for Python and for lists of what there is."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from isp.errors import UsageError

_TRUE = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Option:
    """One option of a scene.

    Parameters
    ----------
    name : as in ``scene?name=value``
    kind : ``number``, ``integer``, ``flag`` or ``choice``
    doc : one line, with the unit
    low, high : bounds of a number, both allowed
    choices : words of a choice
    """

    name: str
    kind: str
    doc: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What the value may be, in words."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind == "flag":
            return "0 or 1"
        number = "a whole number" if self.kind == "integer" else "a number"
        return f"{number} in {self.low:g}..{self.high:g}"

    def check(self, scene: str, value: Any) -> None:
        """Raise `UsageError` unless `value` is allowed."""
        if self.kind == "choice":
            good = value in self.choices
        elif self.kind == "flag":
            good = isinstance(value, bool)
        else:
            kinds = int if self.kind == "integer" else (int, float)
            good = isinstance(value, kinds) and not isinstance(value, bool) and self.low <= value <= self.high
        if not good:
            raise UsageError(f"scene {scene}: {self.name}={value!r} must be {self.allowed}")

    def read(self, scene: str, text: str) -> Any:
        """The value that `text` says; UsageError if it is not of its kind."""
        try:
            if self.kind == "flag":
                return _TRUE[text.lower()]
            if self.kind == "choice":
                return text
            return int(text) if self.kind == "integer" else float(text)
        except (KeyError, ValueError):
            raise UsageError(f"scene {scene}: {self.name}={text!r} must be {self.allowed}") from None


_SEED = Option("seed", "integer", "of everything random", 0, 2**63 - 1)
_CONTRAST = Option("contrast", "number", "reflectance of light over dark", 1, 1000)
_LIGHT = Option("light", "number", "reflectance of the light parts", 0, 1)
_FILL = Option("fill", "number", "part of the frame's width or height that the board takes", 0.1, 1)

OPTIONS: Mapping[str, tuple[Option, ...]] = MappingProxyType(
    {
        "uniform": (Option("reflectance", "number", "of the field", 0, 1),),
        "chart": (
            Option("spectra", "choice", "whose measurement of the patches", choices=("iso", "ohta", "babel")),
            _FILL,
            Option("wall", "number", "reflectance around the chart", 0, 1),
        ),
        "grey-steps": (
            Option("steps", "integer", "number of patches", 2, 100),
            Option("density", "number", "from one step to the next", 0.01, 1),
            Option("lightest", "number", "density of the first patch", 0, 2),
            _FILL,
        ),
        "slanted-edge": (
            Option("angle", "number", "from the vertical or horizontal, clockwise [degrees]", -45, 45),
            _CONTRAST,
            _LIGHT,
            Option("horizontal", "flag", "nearly horizontal instead of nearly vertical"),
        ),
        "siemens": (
            Option("cycles", "integer", "pairs of spokes", 4, 720),
            Option("kind", "choice", "profile of the spokes", choices=("binary", "sine")),
            _CONTRAST,
            _LIGHT,
            Option("radius", "number", "as a fraction of the frame's shorter side", 0.05, 0.5),
        ),
        "dead-leaves": (
            _SEED,
            Option("colored", "flag", "colours instead of greys"),
            Option("low", "number", "smallest reflectance", 0, 1),
            Option("high", "number", "largest reflectance", 0, 1),
            Option("smallest", "number", "smallest radius [frame heights]", 0.0005, 0.5),
            Option("largest", "number", "largest radius [frame heights]", 0.001, 1),
        ),
        "dots": (
            Option("pitch", "number", "from dot to dot [frame heights]", 0.01, 0.5),
            Option("diameter", "number", "of a dot [pitches]", 0.1, 0.8),
            _CONTRAST,
            _LIGHT,
        ),
        "composed": (_SEED,),
        "night-street": (_SEED,),
        "portrait": (_SEED,),
        "fence": (_SEED,),
        "hdr": (Option("white", "number", "luminance of RGB (1, 1, 1), whatever the light [cd/m^2]", 1e-6, 6e4),),
        "spectral": (Option("kind", "choice", "what its values are", choices=("file", "reflective", "emissive")),),
    }
)
"""Options of each scene that has any."""


def check(scene: str, **values: Any) -> None:
    """Raise `UsageError` naming the first of `values` that the scene's options do not allow."""
    for option in OPTIONS[scene]:
        if option.name in values:
            option.check(scene, values[option.name])


def split(spec: str) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the ``?`` of a scene's name, and its options; a ``?`` in a file's name is left alone."""
    head, mark, tail = spec.rpartition("?")
    if not mark or (tail and "=" not in tail):
        return spec, []
    return head, parse_qsl(tail, keep_blank_values=True)


def read(scene: str, given: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Values of the options in `given`; their bounds are checked where they are used.

    Raises
    ------
    UsageError
        An option that `scene` does not have (the nearest is suggested), given twice, or not of its kind.
    """
    known = {option.name: option for option in OPTIONS.get(scene, ())}
    values: dict[str, Any] = {}
    for name, text in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            names = f"options: {', '.join(known)}" if known else "it has none"
            hint = f"did you mean {near[0]!r}? {names}" if near else names
            raise UsageError(f"scene {scene}: unknown option {name!r}; {hint}")
        if name in values:
            raise UsageError(f"scene {scene}: option {name!r} is given twice")
        values[name] = known[name].read(scene, text)
    return values
