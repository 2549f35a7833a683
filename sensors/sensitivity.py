"""Spectral sensitivities: what share of the photons of each wavelength each kind of photosite turns into electrons.

Three sources: cameras measured and bundled with colour-science, files in the JSON format of rawtoaces, and parametric
curves for sensors whose makers publish none.

Measured camera sensitivities are relative responses per unit of radiant *power*: they are the signal of a monochromatic
light divided by its radiance (Darrodi et al., "Reference data set for camera spectral sensitivity estimation",
J. Opt. Soc. Am. A 32 (2015) 381, the bundled cameras), and rawtoaces sums their product with spectral power. A photon
of wavelength lambda carries hc/lambda, so the quantum efficiency is proportional to response / lambda. One factor
scales all channels, so that the largest quantum efficiency of any is `peak_qe`; the ratios between channels stay as
measured.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from isp.errors import InputError, LimitError, UsageError
from isp.io.limits import DEFAULT_LIMITS
from isp.io.source import open_source, shown
from isp.values import Float64, frozen
from sensors.spectrum import WAVELENGTHS, on_grid

PEAK_QE = 0.6
"""Quantum efficiency given to the peak of a relative curve where nothing else is known [e-/photon]: back-illuminated
sensors behind colour filters reach 0.5..0.75 in green."""

LARGEST_FILE = 4_000_000
"""Largest sensitivity file [bytes]; the format holds some kilobytes."""

NEGATIVE_TOLERANCE = 0.005
"""Negative responses down to this share of the peak are measurement noise and become 0; beyond it a file is refused."""

ORDER = "RGYBWCM"
"""Letters of colour filters, in the order of a sensor's planes."""

_RED = ((598, 22, 75, 0.44), (540, 27, 0.07), (455, 22, 0.03))
_BLUE = ((455, 27, 35, 0.55), (540, 30, 0.04))
_GREEN = ((528, 36, 40, 0.63), (610, 35, 0.04), (440, 25, 0.05))
_YELLOW = ((530, 32, 50, 0.58), (610, 45, 90, 0.36), (440, 25, 0.05))

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "phone-rggb": MappingProxyType({"R": _RED, "G": _GREEN, "B": _BLUE}),
        "phone-ryyb": MappingProxyType({"R": _RED, "Y": _YELLOW, "B": _BLUE}),
        "phone-mono": MappingProxyType({"Y": ((530, 90, 110, 0.85),)}),
    }
)
"""Estimated curves of a phone's back-illuminated sensor behind a 650 nm infrared-cut filter, as `parametric` takes
them. Shapes and heights are typical of published quantum efficiencies (peaks near 455, 530 and 600 nm at 0.45..0.65
[e-/photon], red and yellow long-pass, leakage between colours of 5..10 %), no product's."""

_SCHEMA = r"0\.1\.\d+|1\.\d+\.\d+"
_FEWEST, _MOST = 8, 2000
"""Wavelengths a file may hold."""


@dataclass(frozen=True)
class Sensitivity:
    """Quantum efficiencies of a sensor's kinds of photosites, colour filter and infrared-cut filter included.

    Parameters
    ----------
    name : str
    letters : tuple of str
        One per kind in plane order: ("R", "G", "B"), ("R", "Y", "B"), ("Y",) for mono.
    curves : (C, 81) float64
        [e-/photon] in 0..1 on `sensors.spectrum.WAVELENGTHS`, each channel above 0 somewhere.
    source : str
        Where the curves come from.
    estimated : bool
        True where no measurement stands behind the shape.
    relative : bool
        True where a measurement gave the shape alone and the scale is assumed.

    Raises
    ------
    UsageError
        Curves of another shape, not finite or outside 0..1; letters unknown, repeated or as many as no curves.
    """

    name: str
    letters: tuple[str, ...]
    curves: Float64
    source: str
    estimated: bool = False
    relative: bool = False

    def __post_init__(self) -> None:
        letters = tuple(self.letters)
        if not letters or not set(letters) <= set(ORDER) or len(set(letters)) != len(letters):
            raise UsageError(f"sensitivity {self.name!r}: letters {letters} must be distinct, of {' '.join(ORDER)}")
        curves = frozen(np.array(self.curves, np.float64))
        if curves.shape != (len(letters), len(WAVELENGTHS)):
            raise UsageError(
                f"sensitivity {self.name!r}: curves of shape {curves.shape} must be "
                f"{(len(letters), len(WAVELENGTHS))} for the letters {' '.join(letters)} at 380..780 nm, 5 nm apart"
            )
        for letter, curve in zip(letters, curves, strict=True):
            if not (np.isfinite(curve).all() and curve.min() >= 0 and 0 < curve.max() <= 1):
                raise UsageError(
                    f"sensitivity {self.name!r}: quantum efficiency of {letter} in "
                    f"{curve.min():.4g}..{curve.max():.4g} must be finite, in 0..1 and above 0 somewhere"
                )
        object.__setattr__(self, "letters", letters)
        object.__setattr__(self, "curves", curves)

    def curve(self, letter: str) -> Float64:
        """(81,) quantum efficiency [e-/photon] of one letter; UsageError if the sensor has none such."""
        if letter not in self.letters:
            raise UsageError(f"sensitivity {self.name!r} has no {letter!r}; it has {', '.join(self.letters)}")
        return np.asarray(self.curves[self.letters.index(letter)])


def load_sensitivity(spec: str | Mapping[str, Any], peak_qe: float = PEAK_QE) -> Sensitivity:
    """A sensor's sensitivity by name, from a file, or from a mapping.

    Parameters
    ----------
    spec : str or mapping
        - ``camera:NAME``: a camera bundled with colour-science, for example ``camera:Nikon 5100 (NPL)``;
        - ``PATH.json``: a file in the rawtoaces format;
        - ``phone-rggb``, ``phone-ryyb``, ``phone-mono``: parametric curves, see `PRESETS`;
        - a mapping with exactly one of the keys `camera`, `file`, `preset` (as above, each with its name) and
          `parametric` (see below), and for the first two optionally `peak_qe`.
    peak_qe : float
        Quantum efficiency of the highest peak of a relative curve [e-/photon], above 0 and at most 1.

    Notes
    -----
    The value of `parametric`, as the sensor catalogue writes it, has a list of peaks per letter and optionally the
    numbers of `parametric` by name::

        sensitivity:
          parametric:
            R: [[598, 22, 75, 0.44], [455, 22, 0.03]]
            G: [[530, 37, 0.62]]
            B: [[455, 27, 0.55]]
            ir_cut_nm: 650
            ir_width_nm: 30

    Raises
    ------
    UsageError
        The name or mapping says nothing known (the nearest name is suggested), or a number is out of bounds.
    InputError, LimitError
        The file is missing, too large or not such a file.
    """
    if isinstance(spec, Mapping):
        kinds = [key for key in ("camera", "file", "preset", "parametric") if key in spec]
        extra = sorted(str(key) for key in spec if key not in {*kinds, "peak_qe"})
        if len(kinds) != 1 or extra or ("peak_qe" in spec and kinds[0] not in ("camera", "file")):
            raise UsageError(
                f"sensitivity with keys {', '.join(map(str, spec)) or 'none'}: allowed are one of camera, file, "
                "preset, parametric, and peak_qe beside camera or file"
            )
        value, peak_qe = spec[kinds[0]], spec.get("peak_qe", peak_qe)
        if kinds[0] == "parametric":
            return _from_mapping(value)
        if not isinstance(value, str):
            raise UsageError(f"sensitivity {kinds[0]}: {value!r} must be text")
        if kinds[0] == "file":
            return _from_file(value, _checked_peak(peak_qe))
        spec = f"camera:{value}" if kinds[0] == "camera" else value
    if not isinstance(spec, str):
        raise UsageError(f"sensitivity {spec!r} must be text or a mapping")
    kind, colon, name = spec.partition(":")
    if colon and kind.strip().lower() == "camera":
        return _bundled(name.strip(), _checked_peak(peak_qe))
    if spec.lower().endswith(".json"):
        return _from_file(spec, _checked_peak(peak_qe))
    if spec.strip().lower() in PRESETS:
        return _from_mapping(PRESETS[spec.strip().lower()], spec.strip().lower())
    near = difflib.get_close_matches(spec.strip().lower(), PRESETS, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"sensitivity {spec!r} is not known; {hint}allowed: camera:NAME, FILE.json, {', '.join(PRESETS)}")


def parametric(
    letters: Sequence[str],
    peaks: Mapping[str, Sequence[Sequence[float]]],
    ir_cut_nm: float = 650.0,
    ir_width_nm: float = 30.0,
    uv_cut_nm: float = 410.0,
    uv_width_nm: float = 20.0,
    leak: float = 0.0,
    name: str = "parametric",
) -> Sensitivity:
    """Curves of a sensor nobody has measured for us: sums of Gaussian peaks behind a band-pass filter.

    Parameters
    ----------
    letters : sequence of str
        In any order; planes are in the order of `ORDER`.
    peaks : mapping from letter to peaks
        Each peak is (centre, width, height) or (centre, width below, width above, height): centre 300..900 nm, widths
        (standard deviations) 3..300 nm, height above 0 and at most 1 [e-/photon]; 1..8 peaks, which add up.
    ir_cut_nm, uv_cut_nm : float
        Wavelengths at which the filter passes half [nm], 600..1200 and 300..450.
    ir_width_nm, uv_width_nm : float
        Width of its edges from 90 % to 10 % [nm], 1..100 (logistic in wavelength).
    leak : float
        What the filter passes outside its band, 0..0.2.
    name : str

    Returns
    -------
    Sensitivity
        With `estimated` true.

    Raises
    ------
    UsageError
        A number out of bounds, letters and peaks that do not match, or a sum above 1.
    """
    bounds = {"ir_cut_nm": (600, 1200), "ir_width_nm": (1, 100), "uv_cut_nm": (300, 450), "uv_width_nm": (1, 100)}
    given = {"ir_cut_nm": ir_cut_nm, "ir_width_nm": ir_width_nm, "uv_cut_nm": uv_cut_nm, "uv_width_nm": uv_width_nm}
    for key, value in {**given, "leak": leak}.items():
        low, high = bounds.get(key, (0, 0.2))
        if not _number(value) or not low <= value <= high:
            raise UsageError(f"sensitivity {name!r}: {key} {value!r:.40} must be a number in {low:g}..{high:g}")
    if not letters or set(letters) != set(peaks) or not set(letters) <= set(ORDER):
        raise UsageError(
            f"sensitivity {name!r}: peaks for {', '.join(map(str, peaks)) or 'nothing'} must be for the letters "
            f"{' '.join(map(str, letters)) or '(none)'}, which must be of {' '.join(ORDER)}"
        )
    # a logistic edge falls from 90 % to 10 % within 2 ln 9 of its scale
    slope = 2.0 * math.log(9.0)
    band = 1.0 / (1.0 + np.exp(slope * (WAVELENGTHS - ir_cut_nm) / ir_width_nm))
    band /= 1.0 + np.exp(slope * (uv_cut_nm - WAVELENGTHS) / uv_width_nm)
    ordered = tuple(sorted(set(letters), key=ORDER.index))
    curves = np.stack([_peaks(peaks[letter], letter, name) for letter in ordered]) * (leak + (1.0 - leak) * band)
    return Sensitivity(name, ordered, curves, "parametric, estimated", estimated=True)


def _peaks(peaks: object, letter: str, name: str) -> Float64:
    """(81,) sum of Gaussian peaks, each with its own width on either side."""
    where = f"sensitivity {name!r}: peaks of {letter}"
    if not isinstance(peaks, Sequence) or isinstance(peaks, str) or not 1 <= len(peaks) <= 8:
        raise UsageError(f"{where} {peaks!r:.60} must be a list of 1..8 peaks")
    total = np.zeros(len(WAVELENGTHS))
    for peak in peaks:
        fits = isinstance(peak, Sequence) and len(peak) in (3, 4) and all(_number(v) for v in peak)
        centre, below, above, height = (peak[0], peak[1], peak[-2], peak[-1]) if fits else (0, 0, 0, 0)
        if not (300 <= centre <= 900 and 3 <= below <= 300 and 3 <= above <= 300 and 0 < height <= 1):
            raise UsageError(
                f"{where}: {peak!r:.60} must be [centre 300..900 nm, width 3..300 nm, height above 0 and at most 1], "
                "or with the widths below and above the centre"
            )
        width = np.where(centre > WAVELENGTHS, below, above)
        total += height * np.exp(-0.5 * ((WAVELENGTHS - centre) / width) ** 2)
    return total


def _number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _from_mapping(mapping: object, name: str = "parametric") -> Sensitivity:
    if not isinstance(mapping, Mapping):
        raise UsageError(f"sensitivity {name!r}: {mapping!r:.60} must be a mapping from letters to peaks")
    settings = ("ir_cut_nm", "ir_width_nm", "uv_cut_nm", "uv_width_nm", "leak")
    peaks = {key: value for key, value in mapping.items() if key not in settings}
    unknown = [str(key) for key in peaks if key not in tuple(ORDER)]
    if unknown:
        raise UsageError(
            f"sensitivity {name!r}: {', '.join(unknown)[:80]} not known; allowed: letters of {' '.join(ORDER)} and "
            f"{', '.join(settings)}"
        )
    numbers = {str(key): value for key, value in mapping.items() if key in settings}
    return parametric(tuple(peaks), peaks, **numbers, name=name)


def _checked_peak(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < float(value) <= 1:
        raise UsageError(f"peak_qe {value!r} must be a number above 0 and at most 1 [e-/photon]")
    return float(value)


def _efficiency(response: Float64, peak_qe: float) -> Float64:
    """(C, 81) quantum efficiency of a response per unit power; the largest is `peak_qe`."""
    per_photon = np.maximum(response, 0.0) / WAVELENGTHS
    return np.asarray(per_photon * (peak_qe / per_photon.max()))


def _bundled(name: str, peak_qe: float) -> Sensitivity:
    import colour

    names = {str(key).lower(): str(key) for key in colour.MSDS_CAMERA_SENSITIVITIES}
    if name.lower() not in names:
        near = difflib.get_close_matches(name.lower(), names, 1, 0.3)
        hint = f"did you mean {names[near[0]]!r}? " if near else ""
        raise UsageError(f"camera {name!r} is not known; {hint}cameras: {', '.join(names.values())}")
    found = names[name.lower()]
    table = colour.MSDS_CAMERA_SENSITIVITIES[found]
    response = on_grid(table.wavelengths, table.values.T, beyond="zero")
    return Sensitivity(
        found, ("R", "G", "B"), _efficiency(response, peak_qe), "colour-science; Darrodi et al. 2015", relative=True
    )


def _from_file(path: str, peak_qe: float) -> Sensitivity:
    name = shown(path)
    with open_source(path, DEFAULT_LIMITS) as source:
        if source.size > LARGEST_FILE:
            raise LimitError(f"{name}: {source.size} bytes; a sensitivity file may have at most {LARGEST_FILE}")
        data = source.read_at(0, source.size, "the file")
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not JSON: {str(error)[:120]}") from None
    header = _part(document, "header", name)
    spectral = _part(document, "spectral_data", name)
    version = header.get("schema_version")
    if not isinstance(version, str) or not re.fullmatch(_SCHEMA, version):
        raise InputError(f"{name}: header.schema_version is {version!r:.40}; allowed: 0.1.0 and 1.0.0")
    if spectral.get("units") != "relative":
        raise InputError(f"{name}: spectral_data.units is {spectral.get('units')!r:.40}; allowed: 'relative'")
    columns = _part(spectral, "index", name).get("main")
    if not isinstance(columns, list) or sorted(map(str, columns)) != ["B", "G", "R"]:
        raise InputError(f"{name}: spectral_data.index.main is {columns!r:.60}; allowed: ['R', 'G', 'B']")
    wavelengths, table = _table(_part(_part(spectral, "data", name), "main", name), name)
    response = table[[columns.index(letter) for letter in "RGB"]]
    low, peak = float(response.min()), float(response.max())
    if peak <= 0 or (response.max(axis=1) <= 0).any():
        raise InputError(f"{name}: a channel is 0 at all wavelengths")
    if low < -NEGATIVE_TOLERANCE * peak:
        raise InputError(f"{name}: response {low:g} is below -{NEGATIVE_TOLERANCE:g} of the peak {peak:g}")
    camera = " ".join(str(header[key]).strip()[:60] for key in ("manufacturer", "model") if header.get(key))
    curves = _efficiency(on_grid(wavelengths, response, beyond="zero"), peak_qe)
    return Sensitivity(camera or name, ("R", "G", "B"), curves, f"measured, {name}", relative=True)


def _table(rows: dict[str, Any], name: str) -> tuple[Float64, Float64]:
    """Wavelengths (N,) and responses (3, N) of ``{"380": [r, g, b], ...}``."""
    if not _FEWEST <= len(rows) <= _MOST:
        raise InputError(f"{name}: {len(rows)} wavelengths; allowed: {_FEWEST}..{_MOST}")
    wavelengths, response = np.empty(len(rows)), np.empty((3, len(rows)))
    for i, (key, values) in enumerate(rows.items()):
        try:
            wavelengths[i] = float(key)
        except ValueError:
            raise InputError(f"{name}: wavelength {key!r:.40} is not a number [nm]") from None
        if not 200 <= wavelengths[i] <= 2500:
            raise InputError(f"{name}: wavelength {key!r:.40} outside 200..2500 nm")
        if i and wavelengths[i] <= wavelengths[i - 1]:
            raise InputError(f"{name}: wavelength {key} follows {wavelengths[i - 1]:g}; they must increase")
        good = isinstance(values, list) and len(values) == 3
        if not good or not all(type(v) in (int, float) and abs(v) <= 1e6 for v in values):
            raise InputError(f"{name}: response at {key} nm is {values!r:.60}; allowed: 3 finite numbers (R, G, B)")
        response[:, i] = values
    if wavelengths[0] > 420 or wavelengths[-1] < 650:
        raise InputError(f"{name}: covers {wavelengths[0]:g}..{wavelengths[-1]:g} nm; at least 420..650 nm is needed")
    return wavelengths, response


def _part(parent: object, key: str, name: str) -> dict[str, Any]:
    value = parent.get(key) if isinstance(parent, dict) else None
    if not isinstance(value, dict):
        raise InputError(f"{name}: no {key!r} object; a rawtoaces camera file has header and spectral_data")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key is given twice, among {', '.join(key for key, _ in pairs)[:60]}")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number JSON allows")
