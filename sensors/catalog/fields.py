"""What a file of the catalogue may say: every key with its unit, bounds and meaning, in one place.

Feeds validation, the messages of refusals, and the tables of `isp sensors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from isp.parameters import Param


@dataclass(frozen=True)
class Text:
    """One line of at most `longest` characters."""

    doc: str
    longest: int = 300


@dataclass(frozen=True)
class Switch:
    """true or false."""

    doc: str


@dataclass(frozen=True)
class Record:
    """A mapping with these members; `needs` names those that must be there."""

    doc: str
    members: Mapping[str, Kind]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class OneOf:
    """One of several records, told apart by the key that each is filed under here."""

    doc: str
    records: Mapping[str, Record]


@dataclass(frozen=True)
class Many:
    """A list of 1 to `most` records."""

    doc: str
    record: Record
    most: int = 8


@dataclass(frozen=True)
class Words:
    """A list of words."""

    doc: str


@dataclass(frozen=True)
class Elsewhere:
    """A value that is checked by what it is for."""

    doc: str


Kind = Param | Text | Switch | Record | OneOf | Many | Words | Elsewhere


def _number(doc: str, low: float, high: float, unit: str = "1", *, whole: bool = False) -> Param:
    return Param("", None, doc, unit=unit, lower=low, upper=high, integer=whole)


def _word(doc: str, *choices: str) -> Param:
    return Param("", None, doc, choices=choices)


_BINNING = "How its photosites are joined"
_METHODS = ("digital", "charge")

_POLYNOMIAL = Param(
    "", None, "c0, c1, c2 of c0 + c1 ISO + c2 ISO^2", unit="DN^2", lower=-1e6, upper=1e6, shapes=((3,),)
)

_CONVERSION = Record(
    "Read noise of one conversion gain",
    {
        "name": Text("For example low, high", 20),
        "from_iso": _number("In use from here on", 1, 1e6, "ISO"),
        "pre_e": _number("Noise ahead of the amplifier", 0, 1000, "e- rms"),
        "adc_dn": _number("Noise behind the amplifier", 0, 1000, "DN rms"),
    },
    needs=("name", "from_iso", "pre_e", "adc_dn"),
)

_GAIN = OneOf(
    "Digital numbers per electron",
    {
        "saturation_e": Record(
            "The converter is full at base ISO",
            {"saturation_e": _number("Electrons of a photosite that fill the converter at base ISO", 100, 1e6, "e-")},
            needs=("saturation_e",),
        ),
        "slope": Record(
            "offset + slope ISO, of a photosite or of the sum of a binning mode",
            {
                "slope": _number("Per ISO", 1e-9, 10, "DN/e-"),
                "offset": _number("At ISO 0", -10, 10, "DN/e-"),
                "mode": _word("Mode that it was measured in", "full", "bin2", "bin3", "bin4"),
            },
            needs=("slope",),
        ),
    },
)

_READ_NOISE = OneOf(
    "Temporal noise without light",
    {
        "conversions": Record(
            "By conversion gain", {"conversions": Many("In ascending from_iso", _CONVERSION)}, needs=("conversions",)
        ),
        "variance_dn2": Record(
            "Measured on output frames of averaged codes",
            {
                "variance_dn2": _POLYNOMIAL,
                "mode": _word("Mode that it was measured in", "full", "bin2", "bin3", "bin4"),
                "includes_quantisation": Switch("The measured variance contains the rounding of codes"),
            },
            needs=("variance_dn2", "mode", "includes_quantisation"),
        ),
    },
)

SENSOR: Mapping[str, Kind] = {
    "width": _number("Active photosites across", 8, 65536, "photosites", whole=True),
    "height": _number("Active photosites down", 8, 65536, "photosites", whole=True),
    "pitch_um": _number("Distance of photosites", 0.2, 30, "µm"),
    "cfa": _word("Colours of the blocks", "RGGB", "BGGR", "GRBG", "GBRG", "RYYB", "BYYR", "YRBY", "YBRY", "Y"),
    "block": _number("Side of same-colour blocks: 1 Bayer, 2 quad, 3 nona, 4", 1, 4, "photosites", whole=True),
    "bits": _number("Of the converter", 8, 16, "bit", whole=True),
    "pedestal": _number("Black level", 0, 32768, "DN"),
    "iso_base": _number("Lowest analogue gain", 1, 1e6, "ISO"),
    "iso_max": _number("Highest analogue gain", 1, 1e6, "ISO"),
    "full_well_e": _number("Full well of a photosite", 100, 1e6, "e-"),
    "gain": _GAIN,
    "read_noise": _READ_NOISE,
    "dark_current_e_s": _number("Dark current of a photosite at 25 °C", 0, 1e5, "e-/s"),
    "dark_doubling_c": _number("Warming that doubles dark current", 3, 30, "K"),
    "prnu": _number("Spread of gain between photosites, rms", 0, 0.2),
    "dsnu_e": _number("Spread of offset between photosites", 0, 1000, "e- rms"),
    "row_noise_e": _number("Temporal noise that a row shares", 0, 1000, "e- rms"),
    "column_noise_e": _number("Fixed offset that a column shares", 0, 1000, "e- rms"),
    "hot_fraction": _number("Share of hot photosites", 0, 0.1),
    "hot_e_s": _number("Their mean dark current at 25 °C (exponential)", 0, 1e6, "e-/s"),
    "dead_fraction": _number("Share of dead photosites", 0, 0.1),
    "green_imbalance": _number("Response of greens on red rows over those on blue rows, less 1", -0.2, 0.2),
    "crosstalk": _number("Share exchanged with each neighbour under another filter", 0, 0.2),
    "phase_detect": Record(
        "Photosites for focusing",
        {
            "kind": _word(
                "masked or shared (a lens over neighbours) at `sites`; dual (each is split, halves are summed) and "
                "quad (a lens over each 2x2) everywhere", "masked", "shared", "dual", "quad",
            ),
            "period_x": _number("Repeats after, across", 1, 256, "photosites", whole=True),
            "period_y": _number("Repeats after, down", 1, 256, "photosites", whole=True),
            "sites": Param(
                "", None, "Pairs of x, y in the period and response relative to neighbours", lower=0, upper=256,
                shapes=((None, 3),),
            ),
        },
        needs=("kind",),
    ),
    "sensitivity": Elsewhere("Quantum efficiency per colour, with filters"),
    "modes": Record(
        "Binning modes besides full", {f"bin{n}": _word(_BINNING, *_METHODS) for n in (2, 3, 4)}
    ),
    "default_mode": _word("Mode of a phone's photo", "full", "bin2", "bin3", "bin4"),
    "pixel_rate": _number("Output pixels that the readout gives", 1e5, 1e12, "pixel/s"),
    "max_fps": _number("Frame rate that no mode exceeds", 0.01, 1e5, "1/s"),
    "dual_gain": Record(
        "Two readings of one exposure", {"ratio": _number("High over low gain", 1.1, 64)}, needs=("ratio",)
    ),
    "staggered": Record(
        "Several exposures, line by line",
        {
            "exposures": _number("How many", 2, 4, whole=True),
            "ratio": _number("Of each to the next shorter", 1.1, 64),
        },
        needs=("exposures", "ratio"),
    ),
    "noise_note": Text("Why the noise lies outside published populations", 600),
    "noise_outside_iso": Param(
        "", None, "From which to which ISO it does", unit="ISO", lower=1, upper=1e6, shapes=((2,),)
    ),
}
"""Keys of a sensor, each `{value, source, estimated}` or the bare value."""

REQUIRED = (
    "width", "height", "pitch_um", "cfa", "block", "bits", "pedestal", "iso_base", "iso_max", "full_well_e", "gain",
    "read_noise", "sensitivity", "pixel_rate",
)
"""Keys that a sensor must have; others default to nothing of that kind, `dark_doubling_c` to 7 K."""

PHONE: Mapping[str, Kind] = {
    "soc": Text("System on chip", 60),
    "isp": Text("Image signal processor", 60),
    "looks": Words("Names of the maker's looks"),
}

CAMERA: Mapping[str, Kind] = {
    "sensor": Text("A sensor of the catalogue, or a .yaml file beside this one", 120),
    "eq_mm": _number("Focal length of the same view on 36 x 24 mm", 1, 2000, "mm"),
    "crop_eq_mm": _number("The same after the crop that the phone makes by default", 1, 2000, "mm"),
}

LENS_UNITS = {"f_number": "1", "focal_mm": "mm", "transmission": "1", "glare": "1"}

HEAD: Mapping[str, Kind] = {
    "kind": _word("What the file describes", "sensor", "phone"),
    "maker": Text("Who makes it", 60),
    "description": Text("One line"),
}


def unit_of(kind: Kind | None) -> str:
    """The unit for a table, "" where there is none."""
    return kind.unit if isinstance(kind, Param) and kind.unit != "1" else ""


def leaves(key: str, value: Any, kind: Kind | None) -> Iterator[tuple[str, Any, str]]:
    """(dotted name, plain value, unit) of each number, word or list in a checked value."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(f"{key}.{name}", part, _member(kind, name, value))
    elif isinstance(kind, Many):
        for part in value:
            label = f"{key}.{part['name']}" if "name" in part else key
            yield from leaves(label, {k: v for k, v in part.items() if k != "name"}, kind.record)
    else:
        yield key, value, unit_of(kind)


def _member(kind: Kind | None, name: str, value: Mapping[str, Any]) -> Kind | None:
    if isinstance(kind, OneOf):
        kind = next((record for key, record in kind.records.items() if key in value), None)
    return kind.members.get(name) if isinstance(kind, Record) else None
