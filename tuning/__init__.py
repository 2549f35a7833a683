"""Numbers to profile: calibrations, fits and their exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily
from tuning import calibrate as calibrate

if TYPE_CHECKING:
    from tuning.exchange.exporting import ExportedTuning as ExportedTuning
    from tuning.exchange.exporting import export_profile as export_profile
    from tuning.exchange.importing import ImportedTuning as ImportedTuning
    from tuning.exchange.importing import import_tuning as import_tuning
    from tuning.fitting.reference_fit import fit as fit
    from tuning.fitting.result import FitResult as FitResult
    from tuning.look.look_fit import LookFit as LookFit
    from tuning.look.look_fit import fit_look as fit_look
    from tuning.session import read_session as read_session
    from tuning.session import run_session as run_session
    from tuning.session import write_results as write_results

_HOME: dict[str, str] = {
    "ExportedTuning": "exchange.exporting",
    "FitResult": "fitting.result",
    "ImportedTuning": "exchange.importing",
    "LookFit": "look.look_fit",
    "export_profile": "exchange.exporting",
    "fit": "fitting.reference_fit",
    "fit_look": "look.look_fit",
    "import_tuning": "exchange.importing",
    "read_session": "session",
    "run_session": "session",
    "write_results": "session",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = lazily(__name__, _HOME)
