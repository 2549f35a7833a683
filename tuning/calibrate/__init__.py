"""From captures of known targets to numbers of a profile; each function stands alone and says how sure it is."""

from __future__ import annotations

from isp.lazy import lazily

_HOME: dict[str, str] = {}
__getattr__, __dir__ = lazily(__name__, _HOME)
