"""pandapower to arrays and back."""

from adnflex.grid.apply import apply_switches, switch_table
from adnflex.grid.identity import fingerprint
from adnflex.grid.model import Branch, Decision, Grid, Member
from adnflex.grid.read import read_grid

__all__ = [
    "Branch",
    "Decision",
    "Grid",
    "Member",
    "apply_switches",
    "fingerprint",
    "read_grid",
    "switch_table",
]
