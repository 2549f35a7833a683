"""What a stage is: it maps a value to a value, in stated domains, from parameters described in one place.

A built-in stage is one file in `isp/stages/`; a user's stage is a class like it, registered under the entry-point
group ``isp.stages``. `docs/your-own-stage.md` shows both kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.errors import InputError, IspError, ProfileError
from isp.parameters import Param
from isp.values import Companions, Float64, FrameInfo, GainMesh, NoiseModel, Statistics

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

Domain = Literal["raw", "mosaic", "camera", "scene", "display", "encoded"]
DOMAINS: Mapping[str, str] = MappingProxyType(
    {
        "raw": "mosaic of digital numbers [DN]",
        "mosaic": "linear mosaic, black 0, white 1",
        "camera": "linear camera RGB",
        "scene": "linear Rec.2020 (D65), proportional to scene light",
        "display": "linear Rec.2020 (D65), proportional to display light, white 1",
        "encoded": "display-encoded RGB in 0..1",
    }
)
BLOCKS = ("quad", "nona", "hexadeca")
"""CFA families of same-colour blocks."""
COLORED = ("bayer", "ryyb", *BLOCKS)
"""CFA families with four sites that `Graph.by_site` tells apart."""
_OPTIONS: Mapping[str, str] = MappingProxyType(
    {"depth": "--depth FILE", "focus": "--focus METRES", "defects": "--defects FILE of isp run"}
)
"""Companions that commands take; others are given in Python."""
Plain = Any
"""A resolved parameter value: float, str, or nested tuples of floats."""


@dataclass(frozen=True)
class Context:
    """What is known about the frame at one point of the pipeline; each stage may read it and hand on a changed copy.

    Parameters
    ----------
    cfa, shape : the mosaic's pattern and (H, W) [px]; the CFA stays readable after demosaic.
    info : what the file says.
    black : (4,) black level [DN] at R, Gr, Gb, B;  white : [DN]
    noise : noise model of the values at this point, or None if unknown.
    clip : (3,) linear value at which R, G and B saturate at this point (1, 1, 1 after `black_level`).
    shading : the gain mesh applied so far, if any.
    neutral : (3,) camera RGB of the white that `white_balance` resolved, largest component 1.
    white_xy, temperature : its chromaticity (CIE 1931 xy) and correlated colour temperature [K].
    statistics : from the pre-pass; None unless some stage asked for it.
    companions : planes registered to the frame.
    resolved : plain parameter values of every stage resolved so far, by stage name.
    place : (column, row) of the frame's top-left pixel in the grid that definitions count in, where a stage has
        changed the CFA; None: the CFA's own phase.
    frames : in front of the stage that merges a set, the context of each of its frames, in order; else none.
    """

    cfa: Cfa
    shape: tuple[int, int]
    info: FrameInfo = field(default_factory=FrameInfo)
    black: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    white: float = 1.0
    noise: NoiseModel | None = None
    clip: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shading: GainMesh | None = None
    neutral: tuple[float, float, float] | None = None
    white_xy: tuple[float, float] | None = None
    temperature: float | None = None
    statistics: Statistics | None = None
    companions: Companions = field(default_factory=Companions)
    resolved: Mapping[str, Mapping[str, Plain]] = field(default_factory=dict)
    place: tuple[int, int] | None = None
    frames: tuple[Context, ...] = ()

    @property
    def phase(self) -> tuple[int, int]:
        """Coordinates (column, row) of the frame's top-left pixel as definitions count them."""
        return self.cfa.phase if self.place is None else self.place

    def recoded(self, cfa: Cfa) -> Context:
        """This context behind a stage that gives another CFA at the same pixels, counted as before."""
        return replace(self, cfa=cfa, place=self.phase)

    def binned(self, cfa: Cfa, side: int) -> Context:
        """This context behind a stage with `Stage.scale` of `side`: whole boxes of `side` x `side` become a pixel."""
        (px, py), (height, width) = self.phase, self.shape
        place = (-(-px // side), -(-py // side))
        shape = ((py + height) // side - place[1], (px + width) // side - place[0])
        return replace(self, cfa=cfa, place=place, shape=shape)

    def but(self, **changes: Any) -> Context:
        """A copy with some fields changed."""
        return replace(self, **changes)


class Stage:
    """Base class of every stage. Subclasses set the class attributes and override what they need.

    Attributes
    ----------
    name : its name in a profile
    takes : domains it accepts
    gives : the domain it returns; None for the same as it took
    cfas : CFA families it accepts while the value is a mosaic (see `Cfa.family`)
    kind : ``fused`` (Halide expressions in `define`), ``numpy`` or ``frame`` (host code in `apply`)
    parameters : descriptions; `values` below maps their names to plain values
    needs : names of companions (and ``focus``) that must be given
    merges : True for the stage that makes one value of a set's frames: those before it run on each frame, and its
        definition reads frame k as channel k (see `Context.frames`)
    """

    name: ClassVar[str] = ""
    takes: ClassVar[tuple[Domain, ...]] = ()
    gives: ClassVar[Domain | None] = None
    cfas: ClassVar[tuple[str, ...]] = ("bayer", "ryyb")
    kind: ClassVar[Literal["fused", "guided", "frame", "numpy"]] = "fused"
    parameters: ClassVar[tuple[Param, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    merges: ClassVar[bool] = False

    # resolve: profile value -> plain value -----------------------------------------------------------------

    def source(self, name: str, word: str, context: Context) -> Plain:
        """The plain value that `word` (``auto``, ``from_file``) stands for in parameter `name`.

        Raise `isp.errors.InputError` in one line if the frame does not say it.
        """
        raise NotImplementedError(f"stage {self.name} resolves no {word!r} for {name}")

    def wants_statistics(self, values: Mapping[str, Any], context: Context) -> bool:
        """True if resolving these profile values needs the pre-pass. Default: some value is the word ``auto``."""
        return any(isinstance(v, str) and v == "auto" for v in values.values())

    def check(self, values: Mapping[str, Any]) -> None:
        """Cross-field check of profile values (before resolving); raise ValueError in one line."""

    # prepare: plain values -> what the definition needs ------------------------------------------------------

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        """What the compiled program depends on. Default: the structural parameters."""
        return {p.name: values[p.name] for p in self.parameters if p.structural}

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        """True where the stage changes nothing for this frame and may be skipped (it still runs `advance`)."""
        return False

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        """Arrays (float, any shape of up to 3 axes) that `define` reads. Default: the numeric parameters.

        The number of axes of each array is fixed by the structure; sizes may vary. Must be a smooth function of
        the gradient-tuned parameters: the tuner differentiates it numerically, in float64.
        """
        return {
            p.name: np.atleast_1d(np.asarray(values[p.name], np.float64))
            for p in self.parameters
            if not p.choices and not p.structural
        }

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        """The context behind this stage: what it does to noise model, clip level, size, white."""
        return context

    def warn(self, values: Mapping[str, Plain], context: Context) -> list[str]:
        """Lines for the user about how the values were found. Default: none."""
        return []

    def encoding(self, values: Mapping[str, Plain]) -> tuple[str, str] | None:
        """(space, transfer) of the picture, for a stage that gives `encoded`; None leaves them as they are."""
        return None

    # the definition -----------------------------------------------------------------------------------------

    def reach(self, structure: Mapping[str, str | int]) -> int:
        """How many pixels to each side the definition reads [px]; 0 is pointwise."""
        return 0

    def scale(self, structure: Mapping[str, str | int]) -> int:
        """Pixels of the input per pixel of the output along each axis: `define` reads pixel s x for pixel x.

        A stage with a scale hands on `Context.binned`.
        """
        return 1

    def lattice(self, structure: Mapping[str, str | int]) -> int:
        """Rows after which the definition repeats, beside the CFA [px]; 1 where it is the same at every row."""
        return 1

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        """The stage as Halide expressions (kind ``fused``)."""
        raise NotImplementedError

    # host code ----------------------------------------------------------------------------------------------

    halo: ClassVar[int | None] = None
    """For kind ``numpy``: pixels of surroundings `apply` needs on strips; None for whole frames only."""

    def apply(self, value: Any, values: Mapping[str, Plain], context: Context) -> Any:
        """Value to value on the host (kinds ``numpy`` and ``frame``): `Mosaic` or `Picture` in, the same out.

        Must not change its input; must return float32 of the domain's shape, finite.
        """
        raise NotImplementedError

    @classmethod
    def parameter(cls, name: str) -> Param:
        """The description of one parameter; KeyError if there is none of that name."""
        for param in cls.parameters:
            if param.name == name:
                return param
        raise KeyError(name)


def check_possible(stage: Stage, domain: Domain, context: Context) -> None:
    """Refuse a stage that cannot work on what it gets.

    Raises
    ------
    ProfileError
        It does not take a value of `domain`.
    InputError
        It does not take the mosaic's CFA, or needs a companion that was not given.
    """
    if domain not in stage.takes:
        takes = " or ".join(DOMAINS[d] for d in stage.takes)
        raise ProfileError(f"stage {stage.name!r} takes {takes}, but gets {DOMAINS[domain]}")
    if domain in ("raw", "mosaic") and context.cfa.family not in stage.cfas:
        raise InputError(
            f"CFA {context.cfa} ({context.cfa.family}) not supported by stage {stage.name!r}; "
            f"supported: {', '.join(stage.cfas)}"
        )
    for need in stage.needs:
        there = context.companions.focus is not None if need == "focus" else need in context.companions.planes
        if not there:
            how = _OPTIONS.get(need, f"in Python, Companions({{{need!r}: plane}})")
            raise InputError(f"stage {stage.name!r} needs {need!r}, which was not given ({how})")


@contextmanager
def blamed(stage: Stage) -> Iterator[None]:
    """Turns whatever goes wrong in the code of a stage from outside into one line that names stage and module.

    Errors of built-in stages are internal errors and pass through, as do refusals (`IspError`).
    """
    try:
        yield
    except IspError:
        raise
    except Exception as error:
        module = type(stage).__module__
        if module.startswith("isp."):
            raise
        text = " ".join(str(error).split())
        raise ProfileError(f"stage {stage.name!r} ({module}) failed: {type(error).__name__}: {text}") from error


def as_array(value: Plain) -> Float64:
    """A plain value as float64 array."""
    return np.asarray(value, np.float64)
