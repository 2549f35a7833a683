"""Between our profiles and other programs' files: libcamera tuning, DCP, ICC, .cube, Camera2, noise_model.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.exchange.exporting import ExportedTuning as ExportedTuning
    from tuning.exchange.exporting import export_profile as export_profile
    from tuning.exchange.importing import ImportedTuning as ImportedTuning
    from tuning.exchange.importing import import_tuning as import_tuning

_HOME = {
    "ExportedTuning": "exporting",
    "ImportedTuning": "importing",
    "export_profile": "exporting",
    "import_tuning": "importing",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazily(__name__, _HOME)
