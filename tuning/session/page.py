"""The page of a calibration: a chapter for each, with its numbers and figures; what could not be had says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reports.estimate import Estimate
from reports.model import Figure, Quantity, Section
from reports.page import render_sections
from tuning.session import figures
from tuning.session.run import Calibrated, Outcome

Rows = list[tuple[str, str, Estimate, str]]
"""Key, label, value and note."""


def page(done: Calibrated) -> str:
    """HTML of a finished session."""
    sections, quantities = [], []
    for outcome in done.outcomes:
        if outcome.found is None:
            continue
        rows, drawn = _CHAPTERS[outcome.name](outcome.found.result)
        group = outcome.name
        quantities += [Quantity(f"{group}.{key}", name, group, (value,), note=note) for key, name, value, note in rows]
        sections.append(Section(outcome.name, outcome.title, outcome.found.notes, tuple(f for f in drawn if f)))
    made = [o for o in done.outcomes if o.state == "done"]
    facts = [
        ("Session", done.session.name), ("Base profile", done.session.base.name),
        *([("Sensor", done.session.sensor)] if done.session.sensor else []),
        ("Captures", f"{len(done.hashes)} files"), ("Calibrated", ", ".join(o.title.lower() for o in made)),
    ]  # fmt: skip
    return render_sections(
        f"Calibration of {done.session.name}", sections, quantities=quantities, facts=facts,
        sentence=_sentence(done), notes=_notes(done), repeat=_repeat(done), sheet=True,
    )  # fmt: skip


def _sentence(done: Calibrated) -> str:
    count = sum(o.state == "done" for o in done.outcomes)
    failed = [o.title.lower() for o in done.outcomes if o.state == "failed"]
    rest = f"; {', '.join(failed)} failed" if failed else ""
    return f"{count} of {len(done.outcomes)} calibrations from {len(done.hashes)} captures{rest}."


def _notes(done: Calibrated) -> list[str]:
    lines = [_missing(o) for o in done.outcomes if o.found is None]
    lines += [f"The base profile has no stage {name}; its value is in calibration.json only." for name in done.absent]
    return lines


def _missing(outcome: Outcome) -> str:
    kept = f" The base's {' and '.join(outcome.kept)} stays." if outcome.kept else ""
    return f"{outcome.title}: n.a., {outcome.reason}.{kept}"


def _repeat(done: Calibrated) -> list[tuple[str, str]]:
    from pathlib import Path

    return [
        ("Command", f"isp tune calibrate {Path(done.session.source).name} -o OUT"),
        ("Software", ", ".join(f"{name} {version}" for name, version in done.software.items())),
        *((name, f"SHA-256 {digest}") for name, digest in sorted(done.hashes.items())),
    ]


def _black(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = [(name.lower(), f"Black level, {name}", value, "") for name, value in r.level.items()]
    rows += [
        ("spread", "Spread between the colours", r.spread, ""),
        ("per_frame", "Drift", r.per_frame, "with the order of the frames"),
        ("per_second", "Dark current", r.per_second, "mean over the frame"),
        ("per_degree", "Change with temperature", r.per_degree, ""),
    ]
    return rows, [figures.drift(r.means, r.level) if len(r.means) > 1 else None]


def _noise(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = []
    for level in r.levels:
        for name, part in (("S", level.shot), ("O", level.read)):
            values = list(part.values())
            mean = sum(float(v) for v in values) / len(values)
            wide = sum(v.interval[1] - float(v) for v in values) / len(values) / len(values) ** 0.5
            note = f"mean of {', '.join(part)}; from {level.how}"
            label = f"{name} at ISO {level.iso:g}"
            rows.append((f"{name.lower()}_{level.iso:g}", label, Estimate(mean, (mean - wide, mean + wide)), note))
    forms = {"a": "S = a ISO + b", "b": "", "c": "O = c ISO² + d", "d": ""}
    rows += [(name, name, getattr(r, name), note) for name, note in forms.items()]
    for key, word, part in (("shot", "S", r.shot_residual), ("read", "O", r.read_residual)):
        worst = max(part.values(), key=abs)
        rows.append((f"{key}_residual", f"Worst residual of {word}", Estimate(worst, unit="%"), "table against form"))
    return rows, [figures.noise_lines(r), figures.noise_over_iso(r)]


def _transfer(r: Any) -> tuple[Rows, list[Figure | None]]:
    from reports.figures.noise import photon_transfer_curve

    rows: Rows = []
    for iso, found in r.items():
        for name, label in (("gain_dn_per_e", "System gain K"), ("read_noise_e", "Read noise"),
                            ("full_well_e", "Saturation"), ("prnu", "PRNU")):  # fmt: skip
            rows.append((f"{name}_{iso:g}", f"{label} at ISO {iso:g}", getattr(found, name), ""))
    return rows, [photon_transfer_curve({f"ISO {iso:g}": found for iso, found in r.items()})]


def _defects(r: Any) -> tuple[Rows, list[Figure | None]]:
    told = f"{int(r.hot.sum())} hot, {int(r.dead.sum())} dead"
    rows: Rows = [
        ("count", "Defects in the map", Estimate(len(r.positions)), told), ("share", "Share of the frame", r.share, ""),
    ]  # fmt: skip
    return rows, [figures.defect_places(r) if len(r.positions) else None]


def _shading(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = []
    for cct in r.meshes:
        rows.append((f"corner_{cct:.0f}", f"Corner, {cct:.0f} K", r.corner[cct], "predicted shading left"))
        rows.append((f"worst_{cct:.0f}", f"Worst area, {cct:.0f} K", r.worst[cct], ""))
    rows.append(("between", "Corner between lights", r.between, "each inner light left out in turn"))
    return rows, [figures.shading_maps(r), figures.shading_left(r)]


def _green(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = [
        ("imbalance", "Green imbalance", r.imbalance, "(Gr - Gb) / mean"),
        ("largest", "Largest of the frame", r.largest, ""),
        ("threshold", "Threshold of the stage", Estimate(r.threshold), ""),
    ]
    return rows, [figures.green_map(r.cells)]


def _white(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = []
    for cct, value in r.left_out.items():
        red, _, blue = r.neutrals[cct]
        note = f"R/G {red:.4f}, B/G {blue:.4f}"
        rows.append((f"residual_{cct:.0f}", f"Off the curve, {cct:.0f} K", r.residual[cct], note))
        rows.append((f"left_out_{cct:.0f}", f"Left out, {cct:.0f} K", value, "off the curve of the other lights"))
    rows.append(("worst", "Worst of the lights left out", r.worst, ""))
    return rows, [figures.white_curve(r)]


def _matrices(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = []
    table = r.table
    for cct, fit in table.fits.items():
        rows.append((f"mean_{cct:.0f}", f"Mean ΔE00, {cct:.0f} K", table.mean[cct], "of the patches, smooth matrix"))
        held = fit.cross_validated.mean
        rows.append((f"crossed_{cct:.0f}", f"Cross-validated, {cct:.0f} K", held, "of patches left out, own matrix"))
        rows.append((f"between_{cct:.0f}", f"By the other lights, {cct:.0f} K", table.between[cct], ""))
        if fit.glare.known:
            rows.append((f"glare_{cct:.0f}", f"Veiling glare, {cct:.0f} K", fit.glare, "of white"))
    rows.append(("change", "Largest change over 100 mired", table.change, "of a number of the matrix"))
    return rows, [figures.patch_errors(r)]


def _distortion(r: Any) -> tuple[Rows, list[Figure | None]]:
    from reports.figures.geometry import distortion_curve, distortion_grid

    rows: Rows = [("corner", "Distortion in the corners", r.corner, "before correction"),
                  ("residual", "Residual of the model", r.residual, f"{r.dots} dots")]  # fmt: skip
    named = {"lens": r.measured}
    return rows, [distortion_grid(named), distortion_curve(named)]


def _lateral(r: Any) -> tuple[Rows, list[Figure | None]]:
    from reports.figures.geometry import lateral_curves

    rows: Rows = [("red", "Red in the corners", r.red_corner, "before correction"),
                  ("blue", "Blue in the corners", r.blue_corner, "")]  # fmt: skip
    return rows, [lateral_curves({"lens": r.measured})]


def _tone(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = [
        ("residual", "Residual", r.residual, "8-bit codes"), ("crossed", "Of steps left out", r.cross_validated, ""),
        ("exposure", "Exposure", r.exposure, ""),
    ]  # fmt: skip
    return rows, [figures.tone(r)]


def _strength(r: Any) -> tuple[Rows, list[Figure | None]]:
    rows: Rows = []
    for iso in r.values:
        rows.append((f"value_{iso:g}", f"{r.parameter} at ISO {iso:g}", r.values[iso], ""))
        rows.append((f"reached_{iso:g}", f"Measured at ISO {iso:g}", r.reached[iso], f"target {r.target:g}"))
    return rows, [figures.strength(r)]


_CHAPTERS: Mapping[str, Callable[[Any], tuple[Rows, list[Figure | None]]]] = {
    "black_level": _black, "noise": _noise, "photon_transfer": _transfer, "defects": _defects,
    "lens_shading": _shading, "green_imbalance": _green, "white_balance": _white, "ccm": _matrices,
    "distortion": _distortion, "lateral_color": _lateral, "tone_curve": _tone, "noise_reduction": _strength,
    "sharpening": _strength,
}  # fmt: skip
