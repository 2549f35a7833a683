"""A report as data: what the page draws, `--json` prints and `--fail-if` asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.estimate import Estimate

Better = Literal["higher", "lower", "zero", "one", ""]
"""Which values of a quantity are better: `zero` and `one` the nearest to 0 or 1; empty if it is a matter of taste."""


@dataclass(frozen=True)
class Image:
    """An encoded picture.

    Parameters
    ----------
    data : bytes of a PNG, JPEG or SVG file
    mime : ``image/png``, ``image/jpeg``, ``image/svg+xml``
    size : (width, height) [px]
    """

    data: bytes
    mime: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Figure:
    """A plot or map with its words.

    Parameters
    ----------
    image : Image
        SVG plots follow the page's colours (`reports.figures.style`).
    title, caption : text
        The caption says what is drawn and how to read it.
    alt : text
        For those who cannot see it: what the figure shows, in a sentence.
    wide : True to use the page's whole width
    """

    image: Image
    title: str
    caption: str = ""
    alt: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Input:
    """One of the compared pictures.

    Parameters
    ----------
    label : ``A``, ``B``, ...
    name : what it is called: a file's name without folder, or ``natural: IMG_1.dng``
    kind : ``picture`` or ``developed``
    size : (width, height) [px], upright
    sha256 : of the file read
    about : facts for the table of inputs: (word, text)
    view : Image
        What the viewer shows, `view_scale` pixels of the picture to one of the view.
    view_scale : int
    view_lossless : bool
    """

    label: str
    name: str
    kind: str
    size: tuple[int, int]
    sha256: str
    about: tuple[tuple[str, str], ...]
    view: Image
    view_scale: int = 1
    view_lossless: bool = False


@dataclass(frozen=True)
class Quantity:
    """One measured number of every input.

    Parameters
    ----------
    key : ``sharpness.mtf50``: group, then name; stable, for `--json` and `--fail-if`
    label : ``MTF50, whole picture``
    group : id of the section it belongs to
    estimates : one for each input, in their order
    better : which values are better
    noticeable : float
        The smallest difference worth a word, in the unit: below it a sure difference is called negligible.
    note : how it was measured, in a phrase
    """

    key: str
    label: str
    group: str
    estimates: tuple[Estimate, ...]
    better: Better = ""
    noticeable: float = 0.0
    note: str = ""

    @property
    def unit(self) -> str:
        """Of all estimates."""
        return next((e.unit for e in self.estimates if e.unit), "")


@dataclass(frozen=True)
class Finding:
    """A quantity that differs between two inputs by more than chance.

    Parameters
    ----------
    quantity : Quantity
    pair : (int, int)
        Indices of the two inputs.
    difference : Estimate
        Second minus first.
    p : float
        Probability of a difference at least as large if there were none, corrected for the number of comparisons
        (Holm 1979).
    better : int or None
        Index of the better input; None where it is a matter of taste.
    """

    quantity: Quantity
    pair: tuple[int, int]
    difference: Estimate
    p: float
    better: int | None


@dataclass(frozen=True)
class Verdict:
    """What the page opens with: one sentence, then the findings, the largest first."""

    sentence: str
    findings: tuple[Finding, ...] = ()
    compared: int = 0
    """How many quantities could be compared."""


@dataclass(frozen=True)
class Crop:
    """The same place of every input, pixel for pixel, lossless.

    Parameters
    ----------
    place : (x, y, width, height) [px]
    images : one for each input that has this place
    why : ``largest difference``, ``edge``, ...
    labels : of the inputs shown, where it is not all of them in order
    """

    place: tuple[int, int, int, int]
    images: tuple[Image, ...]
    why: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One chapter of measurements: `key` is the group of its quantities.

    Parameters
    ----------
    notes : sentences: what was not found, what a number means
    figures : plots, maps, pictures with what was found drawn on them
    """

    key: str
    title: str
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Tap:
    """What one stage gave, and what it took.

    Parameters
    ----------
    stage : name
    image : Image or None
        A crop of its output, made visible.
    milliseconds : per megapixel of the frame, of the stage compiled alone
    bytes_per_pixel : float
        That its output and windows hold [bytes per pixel of the frame].
    note : what was done to make the tap visible, or why there is none
    """

    stage: str
    image: Image | None
    milliseconds: Estimate
    bytes_per_pixel: Estimate
    note: str = ""


@dataclass(frozen=True)
class Stages:
    """The stages of one developed input."""

    input: int
    taps: tuple[Tap, ...]
    about: str = ""


@dataclass(frozen=True)
class ParameterRow:
    """One parameter that differs between profiles: its value for each input, None where the stage does not run."""

    stage: str
    parameter: str
    values: tuple[str | None, ...]
    unit: str = ""


@dataclass(frozen=True)
class Report:
    """All of it, in the order of the page."""

    title: str
    inputs: tuple[Input, ...]
    verdict: Verdict
    quantities: tuple[Quantity, ...] = ()
    maps: tuple[Figure, ...] = ()
    crops: tuple[Crop, ...] = ()
    sections: tuple[Section, ...] = ()
    stages: tuple[Stages, ...] = ()
    parameters: tuple[ParameterRow, ...] = ()
    repeat: tuple[tuple[str, str], ...] = ()
    """Everything needed to make it again: (word, text): command, versions, seeds, hashes."""
    notes: tuple[str, ...] = ()
    """Sentences on what could not be done, before the measurements."""
    reference: Input | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What the estimates of a quantity belong to: labels of the inputs, or the title of a report without any."""
        return tuple(i.label for i in self.inputs) or (self.title,)


def of_group(quantities: Sequence[Quantity], group: str) -> tuple[Quantity, ...]:
    """The quantities of one section, in order."""
    return tuple(q for q in quantities if q.group == group)
