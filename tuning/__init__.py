"""Numbers to profile: calibrations, fits and their exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.look.look_fit import LookFit as LookFit
    from tuning.look.look_fit import fit_look as fit_look

_HOME: dict[str, str] = {
    "LookFit": "look.look_fit",
    "fit_look": "look.look_fit",
}
__getattr__, __dir__ = lazily(__name__, _HOME)
