"""The tutorial: a simulated phone is photographed, calibrated from those files alone, and judged on scenes unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.tutorial.judging import Judged as Judged
    from tuning.tutorial.judging import judge as judge
    from tuning.tutorial.shooting import shoot as shoot
    from tuning.tutorial.walk import walk_through as walk_through

_HOME = {"Judged": "judging", "judge": "judging", "shoot": "shooting", "walk_through": "walk"}

__all__ = ["Judged", "judge", "shoot", "walk_through"]

__getattr__, __dir__ = lazily(__name__, _HOME)
