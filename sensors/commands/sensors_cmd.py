"""`isp sensors`: what sensors and phones the catalogue has, and what is known of each and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import complain, emit, emit_json, table

if TYPE_CHECKING:
    from sensors.sensor import Camera, Fact, Phone, Sensor


def sensors(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Explain this sensor, phone, camera (PHONE/CAMERA) or .yaml file."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the sensors and phones of the catalogue, or explain one."""
    if name is None:
        _list(as_json)
        return
    from sensors.catalog import load, load_camera
    from sensors.sensor import Phone, Sensor

    found = load_camera(name) if "/" in name and not name.lower().endswith(".yaml") else load(name)
    if isinstance(found, Phone):
        _phone(found, as_json)
    elif isinstance(found, Sensor):
        _sensor(found, as_json)
    else:
        _camera(found, as_json)


def _list(as_json: bool) -> None:
    from isp.errors import IspError
    from sensors.catalog import load, names
    from sensors.sensor import Sensor

    parts: list[Sensor] = []
    phones: list[Phone] = []
    failed = 0
    for name in names():
        try:
            found = load(name)
        except IspError as error:
            # one broken file does not hide the others
            complain(error)
            failed = error.exit_code
            continue
        if isinstance(found, Sensor):
            parts.append(found)
        else:
            phones.append(found)
    if as_json:
        emit_json({"sensors": [_summary(s) for s in parts], "phones": [_phone_summary(p) for p in phones]})
    else:
        table(
            ("sensor", "MP", "photosites", "µm", "CFA", "modes", "estimated"),
            [_row(_summary(s)) for s in parts],
            right=(1, 3, 6),
        )
        emit("")
        table(
            ("phone", "SoC", "ISP", "cameras"),
            [
                (p.name, p.soc, p.isp, ", ".join(f"{role}: {c.sensor.name}" for role, c in p.cameras.items()))
                for p in phones
            ],
        )
    raise typer.Exit(failed)


def _summary(sensor: Sensor) -> dict[str, Any]:
    from sensors.catalog.derived import geometry

    return {
        "name": sensor.name,
        "maker": sensor.maker,
        "description": sensor.description,
        "width": sensor.width,
        "height": sensor.height,
        "pitch_um": sensor.pitch_um,
        "cfa": sensor.cfa,
        "block": sensor.block,
        "modes": list(sensor.modes),
        "default_mode": sensor.default_mode,
        **geometry(sensor),
    }


def _row(summary: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        summary["name"],
        f"{summary['megapixels']:.1f}",
        f"{summary['width']}x{summary['height']}",
        f"{summary['pitch_um']:g}",
        _pattern(summary["cfa"], summary["block"]),
        ", ".join(summary["modes"]),
        f"{100 * summary['estimated_share']:.0f} %",
    )


def _pattern(letters: str, block: int) -> str:
    return f"{letters} {block}x{block}" if block > 1 else letters


def _phone_summary(phone: Phone) -> dict[str, Any]:
    return {
        "name": phone.name,
        "maker": phone.maker,
        "description": phone.description,
        "soc": phone.soc,
        "isp": phone.isp,
        "cameras": {
            role: {"name": c.name, "sensor": c.sensor.name, "eq_mm": c.eq_mm, "lens": c.lens_spec}
            for role, c in phone.cameras.items()
        },
    }


def _sensor(sensor: Sensor, as_json: bool) -> None:
    from sensors.catalog.derived import geometry, mode_rows, noise_rows

    modes, noise = mode_rows(sensor), noise_rows(sensor)
    if as_json:
        emit_json({**_summary(sensor), "facts": _facts_json(sensor.facts), "mode_table": modes, "noise_table": noise})
        return
    size = geometry(sensor)
    width, height = size["size_mm"]
    emit(f"{sensor.name}: {sensor.description}" + (f" ({sensor.maker})" if sensor.maker else ""))
    emit(
        f"{size['megapixels']:.1f} MP, {width:.2f} x {height:.2f} mm, diagonal {size['diagonal_mm']:.2f} mm, "
        f"crop factor {size['crop_factor']:.2f}; {100 * size['estimated_share']:.0f} % of its values are estimates\n"
    )
    _fact_table(sensor.facts)
    emit("\nreadout")
    table(
        ("mode", "joined by", "pixels", "µm", "CFA", "frames/s", "Gpixel/s", "rolling shutter ms"),
        [
            (
                m["mode"], m["method"], f"{m['width']}x{m['height']}", f"{m['pitch_um']:g}",
                _pattern(sensor.cfa, m["block"]),
                f"{m['fps']:.4g}", f"{m['pixel_rate'] / 1e9:.2f}", f"{1000 * m['rolling_shutter_s']:.1f}",
            )
            for m in modes
        ],
        right=(3, 5, 6, 7),
    )
    emit(f"\nnoise in mode {sensor.default_mode}: variance = S x + O, black 0, white 1; electrons of an output pixel")
    table(
        ("ISO", "DN/e-", "white DN", "saturation e-", "dark noise e-", "range EV", "S", "O"),
        [
            (
                f"{n['iso']:g}", f"{n['dn_per_e']:.4g}", f"{n['white_dn']}", f"{n['saturation_e']:.0f}",
                f"{n['read_e']:.2f}", f"{n['dynamic_range_ev']:.1f}", f"{n['shot']:.3g}", f"{n['read']:.3g}",
            )
            for n in noise
        ],
        right=range(8),
    )


def _camera(camera: Camera, as_json: bool) -> None:
    if as_json:
        emit_json({"name": camera.name, "sensor": camera.sensor.name, "eq_mm": camera.eq_mm,
                   "facts": _facts_json(camera.facts)})
        return
    emit(f"{camera.name}: {camera.sensor.name} behind a lens\n")
    _fact_table(camera.facts)
    emit("")
    _sensor(camera.sensor, False)


def _phone(phone: Phone, as_json: bool) -> None:
    facts = dict(phone.facts)
    for role, camera in phone.cameras.items():
        facts |= {f"{role}.{key}": fact for key, fact in camera.facts.items()}
    if as_json:
        emit_json({**_phone_summary(phone), "facts": _facts_json(facts)})
        return
    emit(f"{phone.name}: {phone.description}" + (f" ({phone.maker})" if phone.maker else "") + "\n")
    _fact_table(facts)
    emit(f"\ncameras, usable wherever a sensor is named: {', '.join(c.name for c in phone.cameras.values())}")


def _fact_table(facts: Mapping[str, Fact]) -> None:
    """Values with unit, mark of an estimate and number of their source; then the sources."""
    from sensors.catalog.fields import SENSOR, leaves

    numbers: dict[str, int] = {}
    rows = []
    for key, fact in facts.items():
        if key == "noise_note":
            continue
        cited = " ".join(f"[{numbers.setdefault(source, len(numbers) + 1)}]" for source in fact.sources) or "not given"
        mark = "estimate" if fact.estimated else ""
        for name, value, unit in leaves(key, fact.value, SENSOR.get(key)):
            # "1" is how the catalogue writes that a number has no unit
            shown = unit or ("" if fact.unit == "1" else fact.unit)
            rows.append((name, _text(value), shown, mark, cited))
    table(("value", "is", "unit", "", "source"), rows)
    if "noise_note" in facts:
        emit(f"outside published noise because: {facts['noise_note'].value}")
    for source, number in numbers.items():
        emit(f"[{number}] {source}")


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(v) for v in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _facts_json(facts: Mapping[str, Fact]) -> dict[str, Any]:
    return {
        key: {"value": fact.value, "unit": fact.unit, "sources": fact.sources, "estimated": fact.estimated}
        for key, fact in facts.items()
    }
