"""The AC truth: states -> measured -> limits -> verdict, the same for one state and for hundreds.

`judge` says who runs states (plain tables of set-points and switches): `measure` in pandapower, `solve_arrays` many
at once. `compare` holds them against `limits_of` a net, `verdict` has the words. Nothing here knows a problem, a solver
or a device: `adnflex.validate` joins what devices say of themselves.
"""

from adnflex.powerflow.judge import Judgement, judge
from adnflex.powerflow.limits import Compared, NetLimits, compare, limits_of
from adnflex.powerflow.states import Measured, measure

__all__ = ["Compared", "Judgement", "Measured", "NetLimits", "compare", "judge", "limits_of", "measure"]
