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

_HOME = {
    "Account": "accounting",
    "StageCount": "counting",
    "account": "accounting",
    "count_segment": "counting",
}

__all__ = ["Account", "StageCount", "account", "count_segment"]

__getattr__, __dir__ = lazily(__name__, _HOME)
