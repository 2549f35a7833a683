"""`fit`: the parameters of a profile that make raw frames look like their references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from isp.errors import UsageError
from isp.processors import cores
from isp.profile import Profile, read_profile
from tuning.fitting.journal import Journal
from tuning.fitting.loss import Space
from tuning.fitting.pairs import pair_of
from tuning.fitting.parameters import asked
from tuning.fitting.result import FitResult
from tuning.fitting.state import OPTIMISERS, TRIALS, Optimiser, Options, Progress
from tuning.fitting.work import Fit


def fit(
    profile: Profile | str | Path,
    pairs: Iterable[Any],
    *,
    params: str | Iterable[str],
    objective: str = "match",
    freeze: str | Iterable[str] = (),
    validate: Iterable[Any] = (),
    optimiser: Optimiser = "auto",
    space: Space = "encoded",
    register: bool = True,
    own_exposure: bool | None = None,
    seed: int = 0,
    trials: int = TRIALS,
    seconds: float | None = None,
    evaluations: int | None = None,
    threads: int | None = None,
    journal: Journal | None = None,
    reading: Mapping[str, Any] | None = None,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> FitResult:
    """Find the parameters that make raw frames look like their references.

    Parameters
    ----------
    profile : Profile, or its name or path
        Where to begin; its values are also where the weak priors lie.
    pairs : of (raw, reference)
        `RawFrame` and `Picture`, or paths. For a goal the reference may be missing. `tuning.fitting.pairs.Pair` also
        holds what was given beside the raw: ``Pair(raw, reference, companions=Companions({"depth": depth}, focus))``.
    params : str or iterable of str
        Free parameters, by stage or STAGE.PARAMETER: ``"tone_curve,ccm.matrix"``. A stage stands for its parameters
        that move by gradient; searched ones (choices, rough ones) are named one by one.
    objective : str
        ``"match"``: the references. Else a goal of measured quantities:
        ``"maximise acutance subject to visual_noise<1.5"``.
    freeze : like `params`
        Taken away from them again.
    validate : like `pairs`
        Held back: compared before and after, never fitted to.
    optimiser : str
        ``auto`` (Gauss-Newton, or L-BFGS-B for very many parameters, with a search around it where searched parameters
        are free), ``gauss_newton``, ``l_bfgs``, or a search of everything: ``cmaes``, ``tpe``, ``random``.
    space : ``encoded`` or ``oklab``
        In which differences are taken.
    register : bool
        Bring references onto the raw's grid; False where they are known to lie on it.
    own_exposure : bool, optional
        A correction of exposure for each picture alone. By default where the profile has an `exposure` stage that is
        not free.
    seed : int
        Of searches.
    trials : int
        Of searches.
    seconds, evaluations : stop after so many
    threads : of the engine; by default the processors there are. One makes results the same to the bit everywhere.
    journal : Journal
        Keeps evaluations, see `tuning.fitting.journal.open_journal`.
    reading : arguments of `isp.read_raw`
    tell : called after each evaluation

    Returns
    -------
    FitResult

    Raises
    ------
    UsageError
        A name, objective or option is wrong, or nothing is free.
    InputError, LimitError, ProfileError
        A file cannot be read, or the profile does not fit a raw, or needs depth or a focus that is not given beside it.
    NumericError
        The fit cannot work: a reference of another scene, nothing in it counts, the loss does not depend on the
        parameters, a start outside its bounds, a picture that is not finite. No profile is made then.
    """
    base = profile if isinstance(profile, Profile) else read_profile(profile)
    _check(base, optimiser, space)
    taken = [pair_of(p, i + 1, reading) for i, p in enumerate(pairs)]
    held = [pair_of(p, len(taken) + i + 1, reading) for i, p in enumerate(validate)]
    if not taken:
        raise UsageError("nothing to fit to; give pairs of a raw and its reference")
    bare = [pair.name for pair in taken if pair.reference is None]
    if objective == "match" and bare:
        raise UsageError(f"{bare[0]} has no reference to match; write RAW:REFERENCE, or name a goal (--objective)")
    names = asked(base, _split(params), _split(freeze))
    options = Options(
        optimiser, space, register, own_exposure, seed, trials, seconds, evaluations, threads or cores()
    )
    return Fit(base, taken, held, names, objective, options, journal or Journal(), tell).run()


def _check(profile: Profile, optimiser: str, space: str) -> None:
    if optimiser not in OPTIMISERS:
        raise UsageError(f"optimiser {optimiser!r} is not known; allowed: {', '.join(OPTIMISERS)}")
    if space not in ("encoded", "oklab"):
        raise UsageError(f"space {space!r} is not known; allowed: encoded, oklab")
    if profile.datapath is not None:
        raise UsageError("the profile imitates fixed-point arithmetic, which has no slopes; fit without its datapath")
    if not profile.complete:
        raise UsageError("a part of a profile ends in no picture; a whole one is needed")


def _split(names: str | Iterable[str]) -> list[str]:
    """Names from ``a,b.c``, or from a sequence of such."""
    parts = [names] if isinstance(names, str) else list(names)
    return [word.strip() for part in parts for word in part.split(",") if word.strip()]
