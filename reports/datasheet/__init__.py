"""A sensor's datasheet in the spirit of the EMVA 1288 page: measured on simulated frames, beside what its file says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import UsageError
from isp.values import Float64, RawFrame
from reports.estimate import Estimate, mean_of
from reports.figures.style import DASHES, SERIES, plot
from reports.model import Quantity, Report, Section, Verdict

SIZE = 256
"""Width and height of the frames [px]."""
LEVELS = 16
"""Exposures of the photon transfer."""
STRONGEST = 1.3
"""The last exposure, by the one that fills the well: saturation must be seen."""
LIGHTS = ("D65", "A", "FL11")
"""Illuminants of the colour accuracy."""
SMI_SLOPE = 5.5
"""ISO 17321-1:2012: SMI = 100 - 5.5 times the mean colour difference."""


def datasheet(name: str, mode: str = "full") -> Report:
    """The datasheet of a sensor or a phone's camera.

    Parameters
    ----------
    name : as of `isp sensors`: a sensor, a phone, ``PHONE/CAMERA`` or a `.yaml` file
    mode : readout mode

    Returns
    -------
    Report
        Without inputs: photon transfer, SNR, dynamic range over ISO, spectral curves, MTF, colour accuracy.

    Raises
    ------
    UsageError
        A sensor or mode that is not known.
    """
    from sensors import load_sensor
    from sensors.catalog import load_camera

    sensor = load_camera(name).sensor if not name.endswith((".yaml", ".yml")) else load_sensor(name)
    transfer = _transfer(sensor, mode)
    quantities: list[Quantity] = []
    sections = [
        _photon_transfer(sensor, mode, transfer, quantities), _ranges(sensor, mode, quantities), _spectral(sensor),
        _sharpness(sensor, mode, quantities), _color(sensor, quantities),
    ]  # fmt: skip
    facts = _facts(sensor, mode)
    return Report(
        title=f"Datasheet of {sensor.name}",
        inputs=(),
        verdict=Verdict(
            f"{sensor.name}, {mode}: measured on simulated frames as EMVA 1288 asks; its file's values beside them."
        ),
        quantities=tuple(quantities),
        sections=tuple(sections),
        repeat=facts,
        notes=("Measured values are those of the model in the sensor's file; what that file estimates, it says.",),
    )


def _flats(sensor: Any, mode: str) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
    """Pairs of one green site at rising exposure, and a dark pair [DN]."""
    from sensors import capture

    def frame(scene: str, seed: int, **light: Any) -> RawFrame:
        taken = capture(scene, sensor, mode=mode, size=_photosites(sensor, mode), seed=seed, **light)
        if not isinstance(taken, RawFrame):
            raise UsageError(f"mode {mode} gives more than one frame")
        return taken

    first = frame("uniform", 1, target=0.5)
    half = float(first.info.exposure or 0.01)
    site = _green(first)
    pairs: list[tuple[Any, ...]] = []
    for level in range(LEVELS):
        share = STRONGEST * ((level + 0.5) / (LEVELS - 0.5)) ** 1.5
        a, b = (frame("uniform", 2 * level + s, exposure=2 * half * share) for s in (2, 3))
        pairs.append((site(a), site(b), share))
    dark = tuple(site(frame("dark", 900 + s, exposure=half)) for s in (0, 1))
    return pairs, dark


def _photosites(sensor: Any, mode: str) -> tuple[int, int]:
    """So many that a frame of this mode has `SIZE` green ones of one site along each side."""
    side = SIZE * max(sensor.output_cfa(mode).period, 2) * sensor.mode(mode).bin
    return side, side


def _green(frame: RawFrame) -> Any:
    """A function that takes one green (or the only) site out of a frame."""
    letters = [list(row) for row in frame.cfa.rows]
    y, x = next(((j, i) for j, row in enumerate(letters) for i, v in enumerate(row) if v in "GY"), (0, 0))
    return lambda each: np.asarray(each.data[y :: len(letters), x :: len(letters[0])])


def _transfer(sensor: Any, mode: str) -> Any:
    from reports.metrics import photon_transfer

    return photon_transfer(*_flats(sensor, mode))


def _photon_transfer(sensor: Any, mode: str, found: Any, quantities: list[Quantity]) -> Section:
    iso = sensor.iso_base
    known = {
        "gain_dn_per_e": ("System gain K", sensor.output_gain(iso, mode)),
        "read_noise_e": ("Temporal dark noise", sensor.output_read_e(iso, mode)),
        "full_well_e": ("Saturation capacity", sensor.saturation_e(iso, mode)),
        "dsnu_e": ("DSNU", sensor.dsnu_e),
        "prnu": ("PRNU", sensor.prnu),
        "dynamic_range_db": ("Dynamic range", 20 * math.log10(2) * sensor.dynamic_range_ev(iso, mode)),
        "snr_max_db": ("Largest SNR", 10 * math.log10(max(sensor.saturation_e(iso, mode), 1))),
        "linearity_error": ("Linearity error", math.nan),
        "black_dn": ("Black level", sensor.pedestal),
    }
    for name, (label, expected) in known.items():
        beside = f"file: {expected:.4g}" if math.isfinite(expected) and expected else ""
        if sensor.mode(mode).bin > 1 and name in ("dsnu_e", "prnu"):
            beside += " of one photosite" if beside else ""
        quantities.append(Quantity(f"emva.{name}", label, "emva", (getattr(found, name),), note=beside))
    notes = (
        f"{LEVELS} pairs of even frames at ISO {iso:g} and a dark pair, one green site, {SIZE} x {SIZE} pixels; EMVA "
        "1288 release 4.0, linear model. Dark noise of the file includes rounding, its largest SNR and dynamic range "
        "leave out PRNU; measured PRNU holds phase-detect pixels and the fall-off of light too.",
        *found.notes,
    )
    from reports.figures.noise import photon_transfer_curve

    figures = [photon_transfer_curve({sensor.name: found})]

    def draw(axes: Any) -> None:
        electrons = np.geomspace(1, max(float(found.full_well_e) if found.full_well_e.known else 1e4, 10), 200)
        read, prnu = sensor.output_read_e(iso, mode), sensor.prnu
        axes.loglog(electrons, electrons / np.sqrt(read**2 + electrons + (prnu * electrons) ** 2), color=SERIES[0],
                    linestyle=DASHES[0], label="total, by the file")  # fmt: skip
        axes.loglog(electrons, np.sqrt(electrons), color=SERIES[1], linestyle=DASHES[1], label="photon noise alone")
        axes.set(xlabel="signal [e-]", ylabel="SNR")
        axes.legend()

    figures.append(plot("SNR over signal", draw, caption="Temporal noise and PRNU of the sensor's file.", alt="SNR"))
    return Section("emva", "Photon transfer (EMVA 1288)", notes, tuple(figures))


def _ranges(sensor: Any, mode: str, quantities: list[Quantity]) -> Section:
    isos = [sensor.iso_base]
    while isos[-1] * 2 <= sensor.iso_max:
        isos.append(isos[-1] * 2)
    stops = [sensor.dynamic_range_ev(iso, mode) for iso in isos]
    why = "by the sensor's file, not measured"
    quantities.append(Quantity("range.base", f"Dynamic range at ISO {isos[0]:g}", "range",
                               (Estimate(stops[0], unit="stops", reason=why),)))  # fmt: skip
    quantities.append(Quantity("range.last", f"Dynamic range at ISO {isos[-1]:g}", "range",
                               (Estimate(stops[-1], unit="stops", reason=why),)))  # fmt: skip

    def draw(axes: Any) -> None:
        axes.semilogx(isos, stops, "o-", color=SERIES[0], markersize=3, base=2)
        axes.set_xticks(isos, [f"{iso:g}" for iso in isos], rotation=45)
        axes.set(xlabel="ISO", ylabel="dynamic range [stops]")

    figure = plot("Dynamic range over ISO", draw, caption="Saturation by dark noise, at SNR 1, of the readout mode.")
    return Section("range", "Dynamic range", (), (figure,))


def _spectral(sensor: Any) -> Section:
    from sensors.spectrum import WAVELENGTHS

    curves = sensor.sensitivity()
    colours = {"R": SERIES[1], "G": SERIES[2], "B": SERIES[0], "Y": SERIES[4]}

    def draw(axes: Any) -> None:
        for i, (letter, curve) in enumerate(zip(curves.letters, curves.curves, strict=True)):
            axes.plot(WAVELENGTHS, 100 * curve, color=colours.get(letter, SERIES[3]), linestyle=DASHES[i], label=letter)
        axes.set(xlabel="wavelength [nm]", ylabel="quantum efficiency [%]", xlim=(380, 780), ylim=(0, None))
        axes.legend()

    marks = [w for yes, w in ((curves.estimated, "estimated"), (curves.relative, "of assumed scale")) if yes]
    note = f"Curves {curves.name!r}, {' and '.join(marks) or 'measured'}: {curves.source}."
    figure = plot("Spectral sensitivity", draw, caption="Electrons per photon, filters included.")
    return Section("spectral", "Spectral sensitivity", (note,), (figure,))


def _sharpness(sensor: Any, mode: str, quantities: list[Quantity]) -> Section:
    from reports.figures.sharpness import mtf_curves
    from reports.metrics import slanted_edge
    from sensors import capture

    side = SIZE * 2 * sensor.mode(mode).bin
    period = sensor.output_cfa(mode).period
    taken: Any = capture("slanted-edge?angle=5", sensor, mode=mode, size=(side, side), seed=5)
    frame: RawFrame = taken
    cfa, data = frame.cfa, frame.data.astype(np.float64)
    # colours of a neutral edge differ by a factor only: every site is brought to the mean of its own light side
    black = float(np.mean(frame.black))
    levels = np.ones((period, period))
    for y in range(period):
        for x in range(period):
            levels[y, x] = np.quantile(data[y::period, x::period], 0.75) - black
    repeats = (-(-data.shape[0] // period), -(-data.shape[1] // period))
    even = (data - black) / np.tile(levels, repeats)[: data.shape[0], : data.shape[1]]
    top, left = (n // 2 - 60 for n in even.shape)
    # half, so that no light side reaches 1, where values count as clipped
    edge = slanted_edge(even[top : top + 120, left : left + 120] / 2)
    quantities.append(Quantity("mtf.mtf50", "MTF50 of lens, crosstalk and pixel", "mtf", (edge.mtf50,)))
    quantities.append(Quantity("mtf.nyquist", "Response at Nyquist", "mtf", (edge.mtf_nyquist,)))
    pitch = sensor.output_pitch_um(mode)
    note = (
        f"A slanted edge through the ideal f/1.8 lens, all sites of {cfa} brought to one level: what reaches the raw "
        f"file, before any processing. One pixel is {pitch:g} µm, so 1 cycle/pixel is {1000 / pitch:.0f} cycles/mm."
    )
    figures = (mtf_curves({sensor.name: edge}),) if len(edge.frequency) else ()
    return Section("mtf", "Sharpness of the raw frame", (note, *([edge.reason] if edge.reason else [])), figures)


def _color(sensor: Any, quantities: list[Quantity]) -> Section:
    curves = sensor.sensitivity()
    if len(curves.letters) != 3:
        return Section("color", "Colour accuracy", ("a mono sensor sees no colours",))
    values = {light: sensitivity_metamerism(curves.curves, light) for light in LIGHTS}
    for light, (smi, de00) in values.items():
        quantities.append(Quantity(f"color.smi_{light}", f"SMI under {light}", "color", (smi,), better="higher"))
        quantities.append(Quantity(f"color.de00_{light}", f"Mean CIEDE2000, {light}", "color", (de00,), better="lower"))
    note = (
        "Sensitivity metamerism index, 100 - 5.5 mean dE*ab over the 18 coloured test patches of ISO 17321-1, from the "
        "spectral curves; the matrix from camera to XYZ is the linear least-squares one under each light. 100 is an "
        "observer's eye; good cameras have 75 to 90."
    )
    return Section("color", "Colour accuracy (ISO 17321-1)", (note,))


def sensitivity_metamerism(curves: Float64, illuminant: str) -> tuple[Estimate, Estimate]:
    """SMI, and mean CIEDE2000, of spectral curves under a light.

    Parameters
    ----------
    curves : (3, 81) electrons per photon on `sensors.spectrum.WAVELENGTHS`
    illuminant : a CIE illuminant of colour-science

    Notes
    -----
    ISO 17321-1:2012, method A: the 18 coloured patches of its test chart, XYZ by the CIE 1931 observer, camera to XYZ
    by least squares, dE*ab relative to the light's own white. Intervals: bootstrap over the patches.
    """
    from reports.light import xyz_to_lab
    from reports.metrics import delta_e_76, delta_e_2000
    from sensors.scenes.materials import color_chart
    from sensors.spectrum import make_light, photon_rate, to_xyz

    light = make_light(illuminant, 200.0)
    _names, reflectances = color_chart("iso")
    patches = np.asarray(reflectances, np.float64)[:18]
    camera: NDArray[np.float64] = photon_rate(patches * light.spectrum) @ curves.T
    xyz = to_xyz(patches * light.spectrum)
    white = to_xyz(light.spectrum[None])[0]
    matrix = np.linalg.lstsq(camera, xyz, rcond=None)[0]
    seen, wanted = xyz_to_lab(camera @ matrix, white), xyz_to_lab(xyz, white)
    errors = mean_of(delta_e_76(wanted, seen))
    low, high = errors.interval
    smi = Estimate(100 - SMI_SLOPE * errors, (100 - SMI_SLOPE * high, 100 - SMI_SLOPE * low))
    return smi, mean_of(delta_e_2000(wanted, seen))


def _facts(sensor: Any, mode: str) -> tuple[tuple[str, str], ...]:
    rows = [
        ("sensor", f"{sensor.name}: {sensor.description}"),
        ("photosites", f"{sensor.width} x {sensor.height} of {sensor.pitch_um:g} µm, {sensor.size_mm[0]:.2f} x "
                       f"{sensor.size_mm[1]:.2f} mm"),
        ("mode", f"{mode}: {sensor.output_size(mode)[0]} x {sensor.output_size(mode)[1]}, {sensor.output_cfa(mode)}, "
                 f"{sensor.bits} bit"),
        ("other modes", ", ".join(str(m) for m in sensor.modes)),
        ("ISO", f"{sensor.iso_base:g} to {sensor.iso_max:g}"),
    ]  # fmt: skip
    for name, fact in sensor.facts.items():
        if fact.estimated:
            rows.append((f"{name}, estimated", "; ".join(fact.sources)))
    return tuple(rows)


__all__ = ["datasheet", "sensitivity_metamerism"]
