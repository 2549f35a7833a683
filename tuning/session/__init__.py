"""Sessions: SESSION.yaml says which files are captures of what; all that can be calibrated from them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.session.plan import Session as Session
    from tuning.session.plan import read_session as read_session
    from tuning.session.results import write_results as write_results
    from tuning.session.run import Calibrated as Calibrated
    from tuning.session.run import run_session as run_session

_HOME = {
    "Calibrated": "run",
    "Session": "plan",
    "read_session": "plan",
    "run_session": "run",
    "write_results": "results",
}

__all__ = ["Calibrated", "Session", "read_session", "run_session", "write_results"]

__getattr__, __dir__ = lazily(__name__, _HOME)
