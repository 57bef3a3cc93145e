"""The AC truth: states -> measured -> limits -> verdict, the same for one state and for hundreds.

`measure` runs states (plain tables of set-points and switches) in pandapower, `compare` holds what it measured against
`limits_of` a net, `verdict` has the words. Nothing here knows a problem, a solver or a device: `adnflex.validate` joins
what devices say of themselves.
"""

from adnflex.powerflow.limits import Compared, NetLimits, compare, limits_of
from adnflex.powerflow.states import Measured, measure

__all__ = ["Compared", "Measured", "NetLimits", "compare", "limits_of", "measure"]
