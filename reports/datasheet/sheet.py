"""The datasheet as a report without pictures: one section for each kind of measurement."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

import numpy as np

from isp.fingerprint import installed
from isp.values import Float64
from reports.datasheet.bench import ANGLE, FEWER, LEVELS, Bench
from reports.datasheet.ideal import ideal_response
from reports.datasheet.stated import plain, stated
from reports.estimate import Estimate
from reports.model import Better, Quantity, Report, Section, Verdict

if TYPE_CHECKING:
    from reports.metrics.emva import PhotonTransfer
    from sensors.sensor import Camera, Sensor

LIGHTS = ("D65", "A", "FL11")
"""Of the colour accuracy: daylight, tungsten, narrow-band fluorescent."""
SERIES_SIDE = 64
"""Width and height of the plane evaluated at each ISO [px]."""
_PACKAGES = ("mobile-isp", "numpy", "scipy", "halide", "colour-science", "matplotlib")
_LABELS: dict[str, tuple[str, Better]] = {
    "gain_dn_per_e": ("System gain K", ""),
    "read_noise_e": ("Temporal dark noise", "lower"),
    "full_well_e": ("Saturation capacity", "higher"),
    "dynamic_range_db": ("Dynamic range", "higher"),
    "snr_max_db": ("Largest SNR", "higher"),
    "dsnu_e": ("DSNU", "lower"),
    "prnu": ("PRNU", "lower"),
    "linearity_error": ("Linearity error", "lower"),
}


def datasheet(
    name: str | Sensor | Camera, mode: str | None = None, iso: float | None = None, *, seed: int = 0
) -> Report:
    """The datasheet of a sensor or a phone's camera.

    Parameters
    ----------
    name : str, Sensor or Camera
        As of `isp sensors`: a sensor, a phone, ``PHONE/CAMERA`` or a ``.yaml`` file.
    mode : str, optional
        Readout mode; by default the one that a phone takes photos in.
    iso : float, optional
        Of the photon transfer; by default the lowest, where capacity is largest.
    seed : int
        Of the first simulated frame.

    Returns
    -------
    Report
        Without inputs; a quantity's only estimate is what was measured, its note what the sensor's file says.

    Raises
    ------
    UsageError
        A sensor, mode or ISO that cannot be.
    ProfileError, InputError
        The sensor's file is wrong.
    """
    from sensors.catalog import load_camera
    from sensors.sensor import Camera, Sensor

    camera = name if isinstance(name, Camera) else Camera(name.name, name) if isinstance(name, Sensor) else None
    camera = camera or load_camera(str(name))
    sensor = camera.sensor
    bench = Bench(camera, sensor.mode(mode or sensor.default_mode), seed)
    at = sensor.check_iso(sensor.iso_base if iso is None else iso)
    found = bench.transfer(at)
    parts = [_transfer(bench, at, found), _over_iso(bench), _spectral(sensor), _sharpness(bench), _color(sensor),
             _modes(sensor), _file(sensor)]  # fmt: skip
    return Report(
        title=f"Datasheet of {camera.name}",
        inputs=(),
        verdict=Verdict(_sentence(bench, at, found)),
        quantities=tuple(q for _, quantities in parts for q in quantities),
        sections=tuple(section for section, _ in parts),
        repeat=_repeat(bench, at),
        notes=(
            "Measured blind on simulated raw frames, as a camera would be in the laboratory. It tells how well the "
            "measurement finds what the sensor's file says, not whether the file is right about the part.",
        ),
    )


Part = tuple[Section, list[Quantity]]


def _transfer(bench: Bench, iso: float, found: PhotonTransfer) -> Part:
    from reports.figures.datasheet import snr_curve
    from reports.figures.noise import photon_transfer_curve

    sensor, mode = bench.sensor, bench.mode
    says = stated(sensor, mode, iso)
    quantities = [
        Quantity(f"emva.{name}", label, "emva", (getattr(found, name),), better,
                 note=says[name].beside(getattr(found, name)) if name in says else "")
        for name, (label, better) in _LABELS.items()
    ]  # fmt: skip
    # not compared: the mean of the fixed pattern moves it, of which the interval knows nothing
    note = f"the file says {plain(sensor.pedestal)}"
    quantities.append(Quantity("emva.black_dn", "Black level", "emva", (found.black_dn,), note=note))
    notes = (
        f"Mode {mode.name} at ISO {iso:g}: {len(LEVELS)} pairs of even frames and a dark pair, {bench.plane_name} "
        "sites alone; EMVA 1288 release 4.0, linear model. Electrons are summed over the photosites of a pixel.",
        "Saturation is where temporal noise is largest: some photosites clip before the mean does. PRNU and DSNU count "
        "defective photosites, the file's values do not.",
        *found.notes,
    )
    figures = [photon_transfer_curve({bench.camera.name: found})]
    if found.gain_dn_per_e.known:
        figures.append(snr_curve(found, sensor.output_read_e(iso, mode), says["prnu"].value))
    return Section("emva", "Photon transfer", notes, tuple(figures)), quantities


def _over_iso(bench: Bench) -> Part:
    from reports.figures.datasheet import noise_over_iso, range_over_iso
    from sensors.catalog.derived import octaves

    sensor, mode = bench.sensor, bench.mode
    isos = octaves(sensor)
    found = {iso: bench.transfer(iso, FEWER, SERIES_SIDE) for iso in isos}
    says = {iso: stated(sensor, mode, iso) for iso in isos}
    quantities = []
    for key, word in (("dynamic_range_db", "Dynamic range"), ("read_noise_e", "Temporal dark noise")):
        for iso in (isos[0], isos[-1]):
            estimate = getattr(found[iso], key)
            name = f"iso.{key}_{'lowest' if iso == isos[0] else 'highest'}"
            note = says[iso][key].beside(estimate)
            quantities.append(Quantity(name, f"{word} at ISO {iso:g}", "iso", (estimate,), _LABELS[key][1], note=note))
    figures = (
        range_over_iso(found, {iso: says[iso]["dynamic_range_db"].value for iso in isos}),
        noise_over_iso(found, {iso: says[iso]["read_noise_e"].value for iso in isos}),
    )
    note = f"At each ISO {len(FEWER)} pairs of smaller frames, so intervals are wider than above."
    return Section("iso", "Over ISO", (note,), figures), quantities


def _spectral(sensor: Sensor) -> Part:
    from reports.figures.datasheet import spectral_curves

    curves = sensor.sensitivity()
    words = [w for yes, w in ((curves.estimated, "estimated"), (curves.relative, "of assumed scale")) if yes]
    fact = sensor.facts.get("sensitivity")
    source = "; ".join(fact.sources) if fact is not None and fact.sources else curves.source
    note = f"Curves of the file, {' and '.join(words) or 'measured'}; not measured here. Source: {source}."
    return Section("spectral", "Spectral sensitivity", (note,), (spectral_curves(curves),)), []


def _sharpness(bench: Bench) -> Part:
    from reports.figures.datasheet import response
    from sensors.optics import Lens

    edge = bench.edge()
    lens = bench.camera.lens or Lens()
    frequency = np.linspace(0, 1, 401)
    ideal = ideal_response(bench.sensor, lens, bench.mode, frequency, ANGLE)
    pitch = bench.sensor.output_pitch_um(bench.mode)
    falling = _falls(ideal)
    limit = float(np.interp(-0.5, -ideal[:falling], frequency[:falling]))
    nyquist = float(np.interp(0.5, frequency, ideal))
    on_sensor = Estimate(
        edge.mtf50 * 1000 / pitch, tuple(1000 / pitch * v for v in edge.mtf50.interval), "cycles/mm", edge.mtf50.reason  # type: ignore[arg-type]
    )
    quantities = [
        Quantity("mtf.mtf50", "MTF50", "mtf", (edge.mtf50,), "higher",
                 note=f"diffraction and pixel alone: {limit:.4g}"),
        Quantity("mtf.mtf50_mm", "MTF50 on the sensor", "mtf", (on_sensor,), "higher"),
        Quantity("mtf.nyquist", "Response at Nyquist", "mtf", (edge.mtf_nyquist,),
                 note=f"diffraction and pixel alone: {nyquist:.4g}"),
    ]  # fmt: skip
    behind = f"the lens of {bench.camera.name}" if bench.camera.lens else "an ideal lens"
    note = (
        f"A slanted edge through {behind}, f/{lens.f_number:g}, in the middle of the raw frame, divided by even ones: "
        f"what reaches the file before processing. A pixel is {pitch:g} µm wide. Crosstalk and aberrations keep the "
        "measured curve below the limit by diffraction and pixel area."
    )
    section = Section("mtf", "Sharpness of the raw frame", (note,), (response(edge, frequency, ideal),))
    return section, quantities


def _falls(curve: Float64) -> int:
    """Up to where a response falls without rising again."""
    rises = np.flatnonzero(np.diff(curve) > 0)
    return int(rises[0]) + 1 if len(rises) else len(curve)


def _color(sensor: Sensor) -> Part:
    from reports.figures.datasheet import patch_differences
    from reports.metrics import sensitivity_metamerism
    from sensors.plan import effective_sensitivity, site_gains

    curves = sensor.sensitivity()
    if len(curves.letters) != 3:
        why = f"colours cannot be told by {len(curves.letters)} kinds of photosites; three are needed"
        missing = Quantity("color.smi_d65", "SMI under D65", "color", (Estimate.missing(why),), "higher")
        return Section("color", "Colour accuracy"), [missing]
    seen = effective_sensitivity(sensor, curves, site_gains(sensor))
    found = {light: sensitivity_metamerism(seen.curves, light) for light in LIGHTS}
    quantities = []
    for light, each in found.items():
        key = light.lower()
        quantities += [
            Quantity(f"color.smi_{key}", f"SMI under {light}", "color", (each.smi,), "higher"),
            Quantity(f"color.de00_{key}", f"Mean CIEDE2000 under {light}", "color", (each.de00,), "lower"),
        ]
    notes = (
        "Sensitivity metamerism index (ISO 17321-1): 100 - 5.5 mean dE*ab over the 18 coloured test patches; CIEDE2000 "
        "over all 24. From the spectral curves behind crosstalk, CIE 1931 observer, with the matrix that keeps white "
        "and has the least mean dE*ab under each light.",
        "That matrix makes the index the largest possible; laboratories that fit otherwise get less.",
    )
    return Section("color", "Colour accuracy", notes, (patch_differences(found),)), quantities


def _modes(sensor: Sensor) -> Part:
    from sensors.catalog.derived import mode_rows

    why = "follows from the file, not measured"
    quantities = []
    for row in mode_rows(sensor):
        joined = {"none": "", "digital": ", codes averaged", "charge": ", charges summed"}[row["method"]]
        note = f"{row['width']} x {row['height']} px of {row['pitch_um']:g} µm, {row['cfa']}{joined}"
        for key, label, value, unit in (
            ("fps", "frame rate", row["fps"], "1/s"),
            ("shutter", "rolling shutter", 1000 * row["rolling_shutter_s"], "ms"),
        ):
            estimate = Estimate(value, unit=unit, reason=why)
            label = f"{row['mode']}: {label}"
            quantities.append(Quantity(f"modes.{row['mode']}_{key}", label, "modes", (estimate,),
                                       note=note if key == "fps" else ""))  # fmt: skip
    return Section("modes", "Readout modes"), quantities


def _file(sensor: Sensor) -> Part:
    """What the file says, number by number, with sources as footnotes; the rest as sentences."""
    from sensors.catalog.fields import SENSOR, leaves

    quantities, words = [], []
    for key, fact in sensor.facts.items():
        if key == "sensitivity":  # drawn, with its source
            continue
        source = "; ".join(fact.sources) or "without source"
        for name, value, unit in leaves(key, fact.value, SENSOR.get(key)):
            unit = unit or ("" if fact.unit == "1" else fact.unit)
            if isinstance(value, int | float) and not isinstance(value, bool):
                estimate = Estimate(value, unit=unit, reason=source)
                mark = "an estimate" if fact.estimated else ""
                quantities.append(Quantity(f"file.{name}", name, "file", (estimate,), note=mark))
            else:
                words.append(f"{name}: {value} ({source})")
    about = ": ".join(part for part in (sensor.maker, sensor.description) if part not in ("", "unknown"))
    return Section("file", "What the sensor's file says", (*([about] if about else []), *words)), quantities


def _sentence(bench: Bench, iso: float, found: PhotonTransfer) -> str:
    says = stated(bench.sensor, bench.mode, iso)
    told = {name: value.agrees(getattr(found, name)) for name, value in says.items()}
    judged = [name for name, yes in told.items() if yes is not None]
    outside = [_LABELS[name][0] for name in judged if told[name] is False]
    tail = f", but for: {', '.join(outside)}" if outside else ""
    gain, full, span = found.gain_dn_per_e, found.full_well_e, found.dynamic_range_db
    figures = [f"{plain(e)} {e.unit}" for e in (gain, full) if e.known] + ([f"{span:.1f} dB"] if span.known else [])
    return (
        f"{bench.camera.name}, mode {bench.mode.name}, ISO {iso:g}: {', '.join(figures) or 'n.a.'}. "
        f"{len(judged) - len(outside)} of {len(judged)} values of the sensor's file agree with what is measured{tail}."
    )


def _repeat(bench: Bench, iso: float) -> tuple[tuple[str, str], ...]:
    return (
        ("command", f"isp report --sensor {bench.camera.name} --mode {bench.mode_name} --iso {iso:g}"),
        ("seed", str(bench.seed)),
        ("Python", f"{platform.python_version()}, {sys.platform}, {platform.machine()}"),
        *installed(_PACKAGES).items(),
    )
