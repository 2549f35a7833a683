"""Sensor facts by name, offered by other packages as plain data under the entry point group ``isp.sensors``.

Each entry point is a catalogue: a mapping of sensor name to facts, of which ``stages`` is read here: a mapping of
stage name to parameter name to value, written as in a profile::

    CATALOGUE = {"imx586": {"stages": {"black_level": {"level": 64, "white": 1023}}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from isp.errors import ProfileError
from isp.profile.text import did_you_mean, one_line, quoted
from isp.stage import Stage

GROUP = "isp.sensors"


def find_sensor(name: str) -> Mapping[str, Any]:
    """The facts of the sensor called `name`.

    Raises
    ------
    ProfileError
        No catalogue has it (the nearest name is suggested), two have it, or a catalogue cannot be read.
    """
    found: list[tuple[str, Mapping[str, Any]]] = []
    names: set[str] = set()
    for point in entry_points(group=GROUP):
        package = point.dist.name if point.dist is not None else "unknown package"
        label = f"sensor catalogue {point.name!r} = {point.value} of {package}"
        try:
            catalogue = point.load()
        except Exception as error:
            raise ProfileError(f"{label} cannot be loaded: {type(error).__name__}: {one_line(error, 200)}") from error
        if not isinstance(catalogue, Mapping):
            raise ProfileError(f"{label} is not a mapping of sensor names to facts")
        names.update(str(key) for key in catalogue)
        if name in catalogue:
            found.append((label, catalogue[name]))
    if not found:
        hint = did_you_mean(name, sorted(names), "sensors")
        raise ProfileError(f"unknown sensor {quoted(name)}; {hint}")
    if len(found) > 1:
        raise ProfileError(f"sensor {quoted(name)} is in two catalogues: {'; '.join(label for label, _ in found)}")
    label, facts = found[0]
    stages = facts.get("stages", {}) if isinstance(facts, Mapping) else None
    if not isinstance(stages, Mapping) or not all(isinstance(v, Mapping) for v in stages.values()):
        raise ProfileError(f"sensor {quoted(name)} of {label}: its 'stages' must map stage and parameter to value")
    return facts


def sensor_values(name: str, stage: Stage) -> Mapping[str, Any]:
    """What the catalogue says of the parameters of `stage`; empty where `name` is "".

    Raises
    ------
    ProfileError
        Unknown sensor, or it names a parameter that the stage does not have.
    """
    if not name:
        return {}
    values: Mapping[str, Any] = find_sensor(name).get("stages", {}).get(stage.name, {})
    known = [p.name for p in stage.parameters]
    for parameter in values:
        if parameter not in known:
            hint = did_you_mean(str(parameter), known, "its parameters")
            raise ProfileError(
                f"sensor {quoted(name)}: stage {stage.name} has no parameter {quoted(parameter)}; {hint}"
            )
    return values
