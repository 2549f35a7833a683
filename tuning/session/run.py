"""A session from its captures to calibrated values: every calibration that its captures allow, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isp.errors import InputError, IspError, NumericError, UsageError
from isp.fingerprint import installed
from isp.profile import Profile
from isp.profile.text import did_you_mean, quoted
from reports.matrix.plan import SOFTWARE
from tuning.session.captures import Frames
from tuning.session.plan import Session, read_session
from tuning.session.profile_values import with_values
from tuning.session.steps import STEPS, Found, Lacking, Step, Work, files_of

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What came of one calibration.

    Parameters
    ----------
    name, title : of the calibration
    state : ``done``, ``failed`` (its captures do not show what they should), ``lacking`` (nothing to calibrate from)
    found : Found or None
    reason : why there is nothing
    files : names of the captures' files
    kept : stages whose value stays the base profile's because of that
    """

    name: str
    title: str
    state: str
    found: Found | None
    reason: str
    files: tuple[str, ...]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Calibrated:
    """A finished session.

    Parameters
    ----------
    session : Session
    profile : Profile
        The base with every value that could be calibrated; arrays are in `arrays`, not in it.
    arrays : mapping of (stage, parameter) to array
    outcomes : one for each calibration asked for, in order
    absent : stages that have a calibrated value and that the base profile lacks
    hashes : SHA-256 of every file read, by name
    software : versions
    """

    session: Session
    profile: Profile
    arrays: Mapping[tuple[str, str], Any]
    outcomes: tuple[Outcome, ...]
    absent: tuple[str, ...]
    hashes: Mapping[str, str]
    software: Mapping[str, str]

    def outcome(self, name: str) -> Outcome:
        """Of a calibration, by name."""
        return next(each for each in self.outcomes if each.name == name)


_STAGES: Mapping[str, tuple[str, ...]] = {
    "black_level": ("black_level",), "defects": ("defect_correction",), "lens_shading": ("lens_shading",),
    "green_imbalance": ("green_equalization",), "white_balance": ("white_balance",), "ccm": ("ccm",),
    "distortion": ("distortion",), "lateral_color": ("chromatic_aberration",), "tone_curve": ("tone_curve",),
    "noise_reduction": ("noise_reduction",), "sharpening": ("sharpen",),
}  # fmt: skip


def run_session(
    session: Session | str | Path, *, only: Sequence[str] = (), tell: Tell = lambda what: None
) -> Calibrated:
    """Run the calibrations of a session.

    Parameters
    ----------
    session : Session, or path of a SESSION.yaml
    only : sequence of str
        Names of calibrations; those that they build on run too. All by default.
    tell : callable
        Called with what is being done.

    Returns
    -------
    Calibrated

    Raises
    ------
    ProfileError
        The session is wrong.
    UsageError
        An unknown name in `only`.
    InputError
        A file cannot be read.
    NumericError
        None of the calibrations asked for could be had; the line says why.
    """
    given = session if isinstance(session, Session) else read_session(session)
    names = [step.name for step in STEPS]
    for name in only:
        if name not in names:
            hint = did_you_mean(name, names, "calibrations")
            raise UsageError(f"no calibration is called {quoted(name)}; {hint}")
    wanted = set(only or names)
    for step in reversed(STEPS):
        if only and step.name in wanted:
            wanted |= set(step.after)
    base = given.base
    work = Work(Frames(given), base)
    outcomes, absent = [], []
    arrays: dict[tuple[str, str], Any] = {}
    for step in STEPS:
        if step.name not in wanted:
            continue
        tell(step.title)
        outcome = _run(step, work)
        if outcome.found is not None:
            work.profile, lacking = with_values(work.profile, outcome.found.values)
            absent += [*lacking, *(s for s, _ in outcome.found.arrays if s not in {e.name for e in base.stages})]
            arrays |= {k: v for k, v in outcome.found.arrays.items() if k[0] not in absent}
            work.found[step.name] = outcome.found
        outcomes.append(outcome)
    asked = [o for o in outcomes if not only or o.name in only]
    if not any(o.state == "done" for o in asked):
        why = [f"{o.title.lower()}: {o.reason}" for o in asked if o.state == "failed"] or [
            f"{o.title.lower()}: {o.reason}" for o in asked
        ]
        raise NumericError(f"{Path(given.source).name}: nothing could be calibrated; " + "; ".join(dict.fromkeys(why)))
    return Calibrated(
        given, work.profile, arrays, tuple(outcomes), tuple(dict.fromkeys(absent)), work.frames.hashes,
        installed(SOFTWARE),
    )  # fmt: skip


def _run(step: Step, work: Work) -> Outcome:
    files = files_of(step, work)
    kept = _STAGES.get(step.name, ())
    try:
        return Outcome(step.name, step.title, "done", step.run(work), "", files)
    except Lacking as error:
        return Outcome(step.name, step.title, "lacking", None, str(error), files, kept)
    except InputError:
        raise
    except (NumericError, UsageError) as error:
        return Outcome(step.name, step.title, "failed", None, _reason(error), files, kept)


def _reason(error: IspError) -> str:
    return " ".join(str(error).split())
