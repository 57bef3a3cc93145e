"""Nets from other programs: OpenDSS, CGMES, PowerFactory, SimBench."""

from adnflex.adapters.cgmes import from_cgmes
from adnflex.adapters.opendss import from_opendss
from adnflex.adapters.powerfactory import from_powerfactory
from adnflex.adapters.simbench import simbench_case

__all__ = ["from_cgmes", "from_opendss", "from_powerfactory", "simbench_case"]
