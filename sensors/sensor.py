"""A sensor as plain numbers, and what follows from them: gain, read noise, noise model, white level, modes, timing.

Conventions. Frame coordinates and sizes are in photosites. In mode `full` a photosite holding e electrons reads

    DN = pedestal + K(ISO) e + noise,        K = dn_per_e(ISO)

then is rounded and clipped to 0 .. 2^bits - 1. A mode that joins n = bin^2 photosites of one colour stays on the same
scale, so one output DN stands for K / n of each summed electron:

- `digital`: each photosite is converted (and rounded) on its own, the n codes are averaged and rounded half to even;
- `charge`: the electrons are summed, then read once, with one photosite's read noise *in electrons*: sigma / n [DN].

The noise of a converted value x = (DN - pedestal) / (white - pedestal) is variance = S x + O (DNG 1.7, NoiseProfile).
Dynamic range and read noise in electrons follow EMVA 1288 (release 4.0), with quantisation included in the read noise.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from isp.cfa import Cfa
from isp.errors import UsageError

if TYPE_CHECKING:
    from sensors.optics.lens import Lens
    from sensors.sensitivity import Sensitivity

Method = Literal["none", "digital", "charge"]


@dataclass(frozen=True)
class Fact:
    """One value of the catalogue as its file gives it.

    `unit` is "" where there is none; `sources` say who published it (or how it was estimated); `estimated` marks a
    value that nobody published.
    """

    value: Any
    unit: str = ""
    sources: tuple[str, ...] = ()
    estimated: bool = False

    @property
    def source(self) -> str:
        """The sources in one line."""
        return "; ".join(self.sources)


def rounding_variance(count: int) -> float:
    """Variance [DN^2] of rounding the mean of `count` integers to the nearest, ties to even.

    The mean's fraction takes the values k / count, all equally likely where the noise spans a few codes; this is the
    mean square of their distance to the nearest integer: 0 for one, 3/32 for four, towards 1/12 for many.
    """
    return sum(min(k, count - k) ** 2 for k in range(count)) / count**3


@dataclass(frozen=True)
class Gain:
    """Conversion of one photosite in mode `full`: K(ISO) = offset + slope ISO [DN per electron]."""

    slope: float
    offset: float = 0.0

    def dn_per_e(self, iso: float) -> float:
        """K [DN/e-]."""
        return self.offset + self.slope * iso


@dataclass(frozen=True)
class Conversion:
    """Read noise of one conversion gain, in use from `from_iso` on.

    `pre_e` [e- rms] arises before the amplifier and grows with it, `adc_dn` [DN rms] behind it.
    """

    name: str
    from_iso: float
    pre_e: float
    adc_dn: float


@dataclass(frozen=True)
class Measured:
    """Read variance measured on output frames: c0 + c1 ISO + c2 ISO^2 [DN^2], of `bin` x `bin` averaged codes."""

    bin: int
    variance_dn2: tuple[float, float, float]
    includes_quantisation: bool = True

    def output_variance(self, iso: float) -> float:
        """The published polynomial [DN^2]."""
        c0, c1, c2 = self.variance_dn2
        return c0 + c1 * iso + c2 * iso * iso

    def photosite_variance(self, iso: float) -> float:
        """What is left for one photosite before its code is rounded [DN^2]; negative where quantisation explains more.

        var_out = (sigma^2 + 1/12) / n + rounding of the mean, solved for sigma^2.
        """
        count = self.bin**2
        if not self.includes_quantisation:
            return count * self.output_variance(iso)
        return count * (self.output_variance(iso) - rounding_variance(count)) - 1 / 12


@dataclass(frozen=True)
class ReadNoise:
    """Temporal noise at the input of the converter, by one of two descriptions.

    Parameters
    ----------
    conversions : tuple of Conversion
        In ascending `from_iso`; sigma^2 = (K pre_e)^2 + adc_dn^2.
    measured : Measured or None
        Replaces `conversions`.
    """

    conversions: tuple[Conversion, ...] = ()
    measured: Measured | None = None

    def conversion(self, iso: float, name: str | None = None) -> Conversion:
        """The conversion gain in use at `iso`, or the one called `name`."""
        if name is not None:
            for each in self.conversions:
                if each.name == name:
                    return each
            allowed = ", ".join(c.name for c in self.conversions) or "none, its read noise is a measured curve"
            raise UsageError(f"no conversion gain {name!r}; allowed: {allowed}")
        return [c for c in self.conversions if c.from_iso <= iso][-1]

    def sigma_dn(self, iso: float, gain: Gain, conversion: str | None = None) -> float:
        """Standard deviation at one photosite, mode `full`, before its code is rounded [DN]."""
        if self.measured is not None:
            return math.sqrt(self.measured.photosite_variance(iso))
        used = self.conversion(iso, conversion)
        return math.hypot(gain.dn_per_e(iso) * used.pre_e, used.adc_dn)


@dataclass(frozen=True)
class Mode:
    """A way to read the frame: `bin` x `bin` photosites of one colour make a pixel, by `method`."""

    name: str
    bin: int = 1
    method: Method = "none"

    @property
    def count(self) -> int:
        """Photosites in one output pixel."""
        return self.bin**2


@dataclass(frozen=True)
class PhaseDetect:
    """Photosites for focusing, on a grid of `period_x` x `period_y` photosites.

    Parameters
    ----------
    kind : str
        `masked` (half covered) and `shared` (one lens over neighbours) have `sites`; `dual` (every photosite is split,
        its halves are summed) and `quad` (one lens over every 2x2) have none.
    sites : tuple of (x, y, response)
        Place in the period and what they gather relative to their neighbours in focus.
    """

    kind: str
    period_x: int = 1
    period_y: int = 1
    sites: tuple[tuple[int, int, float], ...] = ()


@dataclass(frozen=True)
class DualGain:
    """Two readings of one exposure: as at ISO and as at `ratio` x ISO."""

    ratio: float


@dataclass(frozen=True)
class Staggered:
    """`exposures` readings per frame, line by line, each `ratio` times shorter than the one before."""

    exposures: int
    ratio: float


@dataclass(frozen=True)
class Sensor:
    """A sensor.

    Parameters
    ----------
    name, maker, description : str
    width, height : int
        Active photosites.
    pitch_um : float
        Distance of photosites [um].
    cfa : str
        Colours of the blocks: four letters (`RGGB`, `RYYB`), or one for a mono sensor (`Y`).
    block : int
        Side of the same-colour blocks [photosites]: 1 Bayer, 2 quad, 3 nona, 4.
    bits : int
        Of the converter, 8..16.
    pedestal : float
        Black level [DN].
    iso_base, iso_max : float
        Range of analogue gain [ISO].
    full_well_e : float
        Of one photosite [e-].
    gain : Gain
    read_noise : ReadNoise
    modes : mapping of str to Mode
        Always with `full`.
    pixel_rate : float
        Output pixels per second that the readout can give.
    default_mode : str
        What a phone uses for a photo.
    max_fps : float or None
        Frame rate that the mode's pixel rate cannot exceed [1/s].
    dark_current_e_s : float
        Of one photosite at 25 degrees C [e-/s], doubling every `dark_doubling_c` [K].
    prnu : float
        Gain spread of photosites [rms, fraction]; `dsnu_e` offset spread [e- rms].
    row_noise_e, column_noise_e : float
        Temporal noise common to a row, fixed offset of a column [e- rms].
    hot_fraction, hot_e_s : float
        Share of hot photosites; mean of their exponentially distributed dark current at 25 degrees C [e-/s].
    dead_fraction : float
        Share that gives no signal.
    green_imbalance : float
        Greens on red rows see 1 + x / 2, on blue rows 1 - x / 2.
    crosstalk : float
        Share exchanged with each of the four neighbours that lies under another filter.
    phase_detect : PhaseDetect or None
    dual_gain : DualGain or None
    staggered : Staggered or None
    sensitivity_spec : str or mapping
        See `sensitivity`.
    facts : mapping of str to Fact
        Everything above as the file gave it, by dotted name.
    noise_note : str
        Why (S, O) of `default_mode` lies outside the published populations of phone cameras, where it does.
    noise_outside_iso : (2,) float or None
        From which to which ISO it does.

    Raises
    ------
    UsageError
        A combination that cannot be: a mode that the CFA does not allow, no ISO range, read noise below nothing.
    """

    name: str
    width: int
    height: int
    pitch_um: float
    cfa: str
    block: int
    bits: int
    pedestal: float
    iso_base: float
    iso_max: float
    full_well_e: float
    gain: Gain
    read_noise: ReadNoise
    pixel_rate: float
    sensitivity_spec: str | Mapping[str, Any] = field(hash=False)
    modes: Mapping[str, Mode] = field(default_factory=lambda: MappingProxyType({"full": Mode("full")}), hash=False)
    default_mode: str = "full"
    max_fps: float | None = None
    dark_current_e_s: float = 0.0
    dark_doubling_c: float = 7.0
    prnu: float = 0.0
    dsnu_e: float = 0.0
    row_noise_e: float = 0.0
    column_noise_e: float = 0.0
    hot_fraction: float = 0.0
    hot_e_s: float = 0.0
    dead_fraction: float = 0.0
    green_imbalance: float = 0.0
    crosstalk: float = 0.0
    phase_detect: PhaseDetect | None = None
    dual_gain: DualGain | None = None
    staggered: Staggered | None = None
    maker: str = ""
    description: str = ""
    noise_note: str = ""
    noise_outside_iso: tuple[float, float] | None = None
    facts: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}), hash=False, repr=False)

    def __post_init__(self) -> None:
        if self.modes.get("full") != Mode("full"):
            raise UsageError("modes must have full, without binning")
        for mode in self.modes.values():
            self._check_mode(mode)
        if self.default_mode not in self.modes:
            raise UsageError(f"default_mode {self.default_mode!r} is not a mode; allowed: {', '.join(self.modes)}")
        if not 0 < self.iso_base < self.iso_max:
            raise UsageError(f"iso_base {self.iso_base:g} must be below iso_max {self.iso_max:g}")
        if self.pedestal >= self.top_dn:
            raise UsageError(f"pedestal {self.pedestal:g} must be below {self.top_dn} DN, the top of {self.bits} bits")
        self._check_read_noise()
        top = self.pedestal + self.dn_per_e(self.iso_base) * self.full_well_e
        if top < self.pedestal + 16:
            raise UsageError(f"full_well_e {self.full_well_e:g} spans less than 16 DN at ISO {self.iso_base:g}")

    # -- gain and noise ------------------------------------------------------------------------------------------

    def check_iso(self, iso: float) -> float:
        """`iso` as float; UsageError outside the sensor's analogue gain."""
        if not (math.isfinite(iso) and self.iso_base <= iso <= self.iso_max):
            allowed = f"{self.iso_base:g}..{self.iso_max:g}"
            raise UsageError(f"ISO {iso:g} is not possible on {self.name}; allowed: {allowed}")
        return float(iso)

    @property
    def top_dn(self) -> int:
        """The converter's highest code [DN]."""
        return (1 << self.bits) - 1

    def dn_per_e(self, iso: float) -> float:
        """K of one photosite in mode `full` [DN/e-]."""
        return self.gain.dn_per_e(self.check_iso(iso))

    def read_sigma_dn(self, iso: float, conversion: str | None = None) -> float:
        """Read noise of one photosite in mode `full`, before its code is rounded [DN rms], row noise not included."""
        return self.read_noise.sigma_dn(self.check_iso(iso), self.gain, conversion)

    def read_sigma_e(self, iso: float) -> float:
        """The same in electrons [e- rms]."""
        return self.read_sigma_dn(iso) / self.dn_per_e(iso)

    def output_gain(self, iso: float, mode: str | Mode = "full") -> float:
        """DN of an output pixel per electron summed over its photosites, K / n [DN/e-]."""
        return self.dn_per_e(iso) / self.mode(mode).count

    def dark_variance_dn2(self, iso: float, mode: str | Mode = "full") -> float:
        """Variance of an output pixel without light: read noise, row noise and quantisation [DN^2]."""
        used = self.mode(mode)
        n = used.count
        read = self.read_sigma_dn(iso) ** 2
        row = (self.dn_per_e(iso) * self.row_noise_e) ** 2
        if used.method == "charge":
            return (read + row) / n**2 + 1 / 12
        # the rows of a block are read one after another; within a row the noise is common
        return (read + 1 / 12) / n + row / used.bin + rounding_variance(n)

    def noise_model(self, iso: float, mode: str | Mode = "full") -> tuple[float, float]:
        """(S, O) of output pixels: variance = S x + O, black 0, white 1, quantisation included."""
        span = self.white_level(iso, mode) - self.pedestal
        return self.output_gain(iso, mode) / span, self.dark_variance_dn2(iso, mode) / span**2

    def white_level(self, iso: float, mode: str | Mode = "full") -> int:
        """Where output pixels saturate [DN]: the converter's top, or the full well if that comes first."""
        self.mode(mode)
        full = self.pedestal + self.dn_per_e(iso) * self.full_well_e
        # a sensor whose full well fills the converter exactly must not lose a code to float rounding
        return min(self.top_dn, math.floor(full + 1e-6))

    def saturation_e(self, iso: float, mode: str | Mode = "full") -> float:
        """Electrons summed in an output pixel at the white level [e-]."""
        return (self.white_level(iso, mode) - self.pedestal) / self.output_gain(iso, mode)

    def output_read_e(self, iso: float, mode: str | Mode = "full") -> float:
        """Noise of an output pixel without light, quantisation included, in summed electrons [e- rms]."""
        return math.sqrt(self.dark_variance_dn2(iso, mode)) / self.output_gain(iso, mode)

    def dynamic_range_ev(self, iso: float, mode: str | Mode = "full") -> float:
        """log2 of saturation over the noise without light [EV]."""
        return math.log2(self.saturation_e(iso, mode) / self.output_read_e(iso, mode))

    def dark_e_s(self, temperature_c: float) -> float:
        """Dark current of a photosite at `temperature_c` [e-/s]."""
        return float(self.dark_current_e_s * 2 ** ((temperature_c - 25) / self.dark_doubling_c))

    def dual_gain_isos(self, iso: float) -> tuple[float, float]:
        """The ISO that the low and the high reading of a dual-gain frame taken at `iso` correspond to.

        Raises
        ------
        UsageError
            The sensor reads one gain at a time, or the high one is beyond its range.
        """
        if self.dual_gain is None:
            raise UsageError(f"{self.name} has no simultaneous dual gain (dual_gain in its file)")
        top = self.iso_max / self.dual_gain.ratio
        if not self.iso_base <= iso <= top:
            raise UsageError(
                f"ISO {iso:g} with dual gain is not possible on {self.name}; allowed: {self.iso_base:g}..{top:g}"
            )
        return float(iso), float(iso * self.dual_gain.ratio)

    # -- readout -------------------------------------------------------------------------------------------------

    def mode(self, name: str | Mode) -> Mode:
        """The mode called `name`: `full`, `bin2`, or with its method `bin2-charge`, `bin2-digital`.

        Raises
        ------
        UsageError
            Unknown, or impossible on this sensor.
        """
        if isinstance(name, Mode):
            self._check_mode(name)
            return name
        stem, dash, method = name.partition("-")
        found = self.modes.get(stem)
        if found is None or (dash and (found.bin == 1 or method not in ("charge", "digital"))):
            allowed = list(self.modes)
            near = difflib.get_close_matches(name, allowed, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                f"{self.name} has no mode {name!r}; {hint}allowed: {', '.join(allowed)}"
                + (", and a binning mode with -digital or -charge" if len(allowed) > 1 else "")
            )
        if not dash:
            return found
        asked = Mode(stem, found.bin, "charge" if method == "charge" else "digital")
        self._check_mode(asked)
        return asked

    def output_cfa(self, mode: str | Mode = "full") -> Cfa:
        """The pattern of the frame that `mode` gives."""
        step = self.mode(mode).bin
        return _pattern(self.cfa, self.block // step if self.block % step == 0 else 1)

    def output_size(self, mode: str | Mode = "full", size: tuple[int, int] | None = None) -> tuple[int, int]:
        """(width, height) in pixels that `mode` makes of `size` photosites (all by default).

        Photosites at the right and bottom that do not fill a whole group of one colour are dropped.
        """
        used = self.mode(mode)
        cell = self.cell(used)
        width, height = size or (self.width, self.height)
        result = (width // cell * (cell // used.bin), height // cell * (cell // used.bin))
        if min(result) < 1:
            raise UsageError(f"{width}x{height} photosites are too few for mode {used.name}; allowed: {cell}x{cell} on")
        return result

    def cell(self, mode: str | Mode = "full") -> int:
        """Side of the smallest square of photosites that `mode` turns into whole pixels on its own [photosites].

        A block that is cut into whole groups gives pixels alone; where same-colour neighbours of several blocks join,
        the photosites of two by two output pixels are interleaved.
        """
        step = self.mode(mode).bin
        return step if self.block % step == 0 or self.mono else 2 * step

    @property
    def mono(self) -> bool:
        """True without a colour filter."""
        return len(self.cfa) == 1

    def output_pitch_um(self, mode: str | Mode = "full") -> float:
        """Distance of output pixels [um]."""
        return self.pitch_um * self.mode(mode).bin

    def frame_time(
        self, mode: str | Mode = "full", size: tuple[int, int] | None = None, readings: int = 1
    ) -> float:
        """Seconds to read a frame of `size` photosites, each pixel `readings` times (staggered or dual-gain frames).

        Output pixels over `pixel_rate`, but not less than `max_fps` allows.
        """
        width, height = self.output_size(mode, size)
        seconds = readings * width * height / self.pixel_rate
        return seconds if self.max_fps is None else max(seconds, 1 / self.max_fps)

    def row_time(self, mode: str | Mode = "full") -> float:
        """Seconds between the starts of two output rows: the step of the rolling shutter."""
        width, _ = self.output_size(mode)
        return width / self.pixel_rate

    # -- geometry and colour -------------------------------------------------------------------------------------

    @property
    def size_mm(self) -> tuple[float, float]:
        """Active area, width and height [mm]."""
        return self.width * self.pitch_um / 1000, self.height * self.pitch_um / 1000

    @property
    def crop_factor(self) -> float:
        """Diagonal of 36 x 24 mm over that of the sensor."""
        return math.hypot(36, 24) / math.hypot(*self.size_mm)

    def sensitivity(self) -> Sensitivity:
        """Quantum efficiency of each colour; UsageError if a colour of the CFA has none (or as `load_sensitivity`)."""
        from sensors.sensitivity import load_sensitivity

        found = load_sensitivity(self.sensitivity_spec)
        if missing := sorted(set(self.cfa) - set(found.letters)):
            raise UsageError(
                f"sensitivity {found.name!r} has {' '.join(found.letters)}, but CFA {self.cfa} also needs "
                f"{' '.join(missing)}"
            )
        return found

    # -- checks --------------------------------------------------------------------------------------------------

    def _check_mode(self, mode: Mode) -> None:
        step, block = mode.bin, self.block
        if step < 1 or (step == 1) != (mode.method == "none"):
            raise UsageError(f"mode {mode.name}: bin {step} with method {mode.method} contradict each other")
        if block % step and step % block:
            possible = ", ".join(str(k) for k in (2, 3, 4) if block % k == 0 or k % block == 0) or "none"
            raise UsageError(
                f"mode {mode.name} is not possible on {self.name}: {step}x{step} does not fit blocks of "
                f"{block}x{block}; allowed: bin {possible}"
            )

    def _check_read_noise(self) -> None:
        noise = self.read_noise
        if noise.measured is not None:
            worst = min((self.iso_base, self.iso_max), key=noise.measured.photosite_variance)
            if noise.measured.photosite_variance(worst) <= 0:
                raise UsageError(
                    f"read_noise: the measured variance at ISO {worst:g} is below that of quantisation; "
                    "allowed: above it, or includes_quantisation: false"
                )
        elif not noise.conversions or noise.conversions[0].from_iso > self.iso_base:
            raise UsageError(f"read_noise: no conversion from iso_base {self.iso_base:g} on")
        elif any(a.from_iso >= b.from_iso for a, b in zip(noise.conversions, noise.conversions[1:], strict=False)):
            raise UsageError("read_noise: from_iso of the conversions must increase")


def _pattern(letters: str, block: int) -> Cfa:
    """`RGGB` with blocks of 2: RRGG/RRGG/GGBB/GGBB."""
    if len(letters) == 1:
        return Cfa(letters)
    rows = ["".join(c * block for c in letters[i : i + 2]) for i in (0, 2)]
    return Cfa("/".join(row for row in rows for _ in range(block)))


@dataclass(frozen=True)
class Camera:
    """A sensor behind its lens, in a phone.

    Parameters
    ----------
    name : str
        `phone/camera`, or the sensor's own name where it stands alone.
    sensor : Sensor
    lens_spec : mapping or None
        Fields of `sensors.optics.Lens`; None for a sensor without a lens.
    eq_mm : float or None
        Focal length of the same field of view on 36 x 24 mm [mm].
    """

    name: str
    sensor: Sensor
    lens_spec: Mapping[str, Any] | None = field(default=None, hash=False)
    eq_mm: float | None = None
    facts: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}), hash=False, repr=False)

    @cached_property
    def lens(self) -> Lens | None:
        """The lens; None where the catalogue gives none."""
        if self.lens_spec is None:
            return None
        from sensors.optics.lens import Lens

        return Lens.from_mapping(self.lens_spec)


@dataclass(frozen=True)
class Phone:
    """A phone: its cameras by role (`main`, `uw`, `tele`), its system on chip and ISP."""

    name: str
    cameras: Mapping[str, Camera] = field(hash=False)
    maker: str = ""
    description: str = ""
    soc: str = ""
    isp: str = ""
    facts: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}), hash=False, repr=False)

    def camera(self, role: str = "main") -> Camera:
        """The camera called `role`; UsageError names the allowed ones."""
        if role not in self.cameras:
            raise UsageError(f"{self.name} has no camera {role!r}; allowed: {', '.join(self.cameras)}")
        return self.cameras[role]
