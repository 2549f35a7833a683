"""Numbers to profile: calibrations, fits and their exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.session import read_session as read_session
    from tuning.session import run_session as run_session
    from tuning.session import write_results as write_results

_HOME: dict[str, str] = {
    "read_session": "session",
    "run_session": "session",
    "write_results": "session",
}
__getattr__, __dir__ = lazily(__name__, _HOME)
