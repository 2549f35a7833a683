"""Domains must chain: each enabled stage takes what the one before it gives."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from isp import stages as registry
from isp.errors import ProfileError
from isp.profile.model import StageEntry, Step
from isp.profile.text import one_line
from isp.stage import DOMAINS, Domain, Stage


def chain(entries: Sequence[StageEntry], start: Domain) -> tuple[Step, ...]:
    """The enabled stages with their domains; the entries must have passed `check_chain`."""
    steps = []
    domain = start
    for entry in entries:
        if entry.enabled:
            given = entry.stage.gives or domain
            steps.append(Step(entry, domain, given))
            domain = given
    return tuple(steps)


def check_chain(entries: Sequence[StageEntry], start: Domain, source: str, *, full: bool) -> None:
    """Refuse an order of stages that cannot work.

    Parameters
    ----------
    entries : sequence of StageEntry
    start : str
        Domain that the first stage is given.
    source : str
        What to call the profile in the message.
    full : bool
        The last stage must give the encoded picture.

    Raises
    ------
    ProfileError
        A stage twice, one that does not take what comes to it, or no encoded picture at the end. One line with both
        stages, both domains in words and which stage would bring it there.
    """
    seen: dict[str, StageEntry] = {}
    for entry in entries:
        if entry.name in seen:
            again = f" (first at line {seen[entry.name].line})" if seen[entry.name].line else ""
            raise _error(source, entry, f"stage {entry.name} is given twice{again}; a stage may appear once")
        seen[entry.name] = entry

    domain, before = start, "the raw frame" if start == "raw" else "the input"
    last: StageEntry | None = None
    for entry in entries:
        if not entry.enabled:
            continue
        if domain not in entry.stage.takes:
            raise _error(source, entry, _mismatch(entry, before, domain, entries))
        domain, before, last = entry.stage.gives or domain, entry.name, entry
    if full and domain != "encoded":
        what = f"the last stage, {before}, gives {DOMAINS[domain]}" if last else "no stage is enabled"
        way = _way(domain, ("encoded",), entries)
        hint = f"add {way}" if way else f"a profile ends in {DOMAINS['encoded']}"
        raise _error(source, last or (entries[-1] if entries else None), f"{what}, but a profile must end in "
                     f"{DOMAINS['encoded']}; {hint}")


def _mismatch(entry: StageEntry, before: str, domain: Domain, entries: Sequence[StageEntry]) -> str:
    takes = " or ".join(DOMAINS[d] for d in entry.stage.takes)
    what = f"stage {entry.name} takes {takes}, but {before} gives {DOMAINS[domain]}"
    way = _way(domain, entry.stage.takes, entries)
    if way:
        return f"{what}; put {way} between them"
    if domain == "encoded":
        return f"{what}; {before} must come last"
    return f"{what}; move it before {before}"


def _way(start: Domain, goals: Sequence[Domain], entries: Sequence[StageEntry]) -> str:
    """The fewest stages that lead from one domain to another, in words; stages of this profile first."""
    known = _offers(entries)
    ways: deque[tuple[Domain, tuple[str, ...]]] = deque([(start, ())])
    seen = {start}
    while ways:
        domain, names = ways.popleft()
        if domain in goals and names:
            return " and ".join(names)
        for stage in known:
            gives = stage.gives
            if gives is not None and gives not in seen and domain in stage.takes:
                seen.add(gives)
                ways.append((gives, (*names, stage.name)))
    return ""


def _offers(entries: Sequence[StageEntry]) -> list[Stage]:
    found = {entry.name: entry.stage for entry in entries}
    for name in registry.stage_names():
        if name not in found:
            try:
                found[name] = registry.find_stage(name)
            except (ProfileError, ImportError):
                # a broken plug-in must not hide the message about this profile
                continue
    return list(found.values())


def _error(source: str, entry: StageEntry | None, what: str) -> ProfileError:
    line = f":{entry.line}" if entry is not None and entry.line else ""
    place = f"{one_line(source)}{line}: " if source else ""
    return ProfileError(f"{place}{what}")
