"""Numbers to profile: calibrations, fits and their exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.fitting.reference_fit import fit as fit
    from tuning.fitting.result import FitResult as FitResult

_HOME: dict[str, str] = {
    "FitResult": "fitting.result",
    "fit": "fitting.reference_fit",
}
__getattr__, __dir__ = lazily(__name__, _HOME)
