"""What a profile would cost in hardware: operations, line buffers, latency, rate, traffic and energy on a known ISP.

Everything about a stage is counted from its one definition; everything about an ISP comes from a file of `isp/targets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from isp.cost.accounting import Account as Account
    from isp.cost.accounting import account as account
    from isp.cost.counting import StageCount as StageCount
    from isp.cost.counting import count_segment as count_segment
    from isp.cost.limits import Fit as Fit
    from isp.cost.limits import Stream as Stream
    from isp.cost.limits import fit as fit
    from isp.cost.limits import rate_check as rate_check
    from isp.cost.target import Target as Target
    from isp.cost.target import load_target as load_target
    from isp.cost.target import target_names as target_names

_HOME = {
    "Account": "accounting",
    "Fit": "limits",
    "StageCount": "counting",
    "Stream": "limits",
    "Target": "target",
    "account": "accounting",
    "count_segment": "counting",
    "fit": "limits",
    "load_target": "target",
    "rate_check": "limits",
    "target_names": "target",
}

__all__ = ["Account", "Fit", "StageCount", "Stream", "Target", "account", "count_segment", "fit", "load_target",
           "rate_check", "target_names"]  # fmt: skip

__getattr__, __dir__ = lazily(__name__, _HOME)
