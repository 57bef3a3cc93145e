"""pandapower to arrays and back."""

from adnflex.grid.identity import fingerprint
from adnflex.grid.model import Branch, Grid, Member, SwitchableBranch
from adnflex.grid.read import read_grid
from adnflex.grid.tables import switch_table

__all__ = [
    "Branch",
    "Grid",
    "Member",
    "SwitchableBranch",
    "fingerprint",
    "read_grid",
    "switch_table",
]
