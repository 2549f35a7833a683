"""Numbers to profile: calibrations, fits and their exports."""

from __future__ import annotations

from isp.lazy import lazily

_HOME: dict[str, str] = {}
__getattr__, __dir__ = lazily(__name__, _HOME)
