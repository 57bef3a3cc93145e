"""Devices of a dispatch: one file a device; `READERS` is the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Device, Frame, Offering, Place, Schedule
from adnflex.devices.capabilities import (
    ByInverter,
    Lossy,
    MovesTogether,
    MovesVoltages,
    Positioned,
    Reactive,
    Stores,
    Supplies,
    TwoWays,
    able,
)
from adnflex.devices.capacitor_bank import CapacitorBank, read_capacitor_banks
from adnflex.devices.electric_vehicles import ElectricVehicles, read_electric_vehicles
from adnflex.devices.fleet import Fleet, read_fleets
from adnflex.devices.flexible_load import FlexibleLoad, read_flexible_loads
from adnflex.devices.generation import Generation, read_generation
from adnflex.devices.grid_connection import GridConnection, read_grid_connections
from adnflex.devices.inputs import Inputs
from adnflex.devices.soft_open_point import SoftOpenPoint, read_soft_open_points
from adnflex.devices.source_voltage import SourceVoltage, read_source_voltages
from adnflex.devices.storage import Storage, read_storage
from adnflex.devices.tap_changer import TapChanger, controlled_trafos, read_tap_changers
from adnflex.devices.timeline import Timeline
from adnflex.grid.model import Grid

__all__ = [
    "READERS",
    "BrokenLimit",
    "ByInverter",
    "CapacitorBank",
    "Device",
    "ElectricVehicles",
    "Fleet",
    "FlexibleLoad",
    "Frame",
    "Generation",
    "GridConnection",
    "Inputs",
    "Lossy",
    "MovesTogether",
    "MovesVoltages",
    "Offering",
    "Place",
    "Positioned",
    "Reactive",
    "Schedule",
    "SoftOpenPoint",
    "SourceVoltage",
    "Storage",
    "Stores",
    "Supplies",
    "TapChanger",
    "Timeline",
    "TwoWays",
    "able",
    "controlled_trafos",
    "read_devices",
]


#: Reads the devices of one kind: of tables and series, which get the faults; the grid; the highest squared voltages.
Reader = Callable[[Inputs, Grid, FloatArray], Sequence[Device]]

#: The kinds of devices, in the order of their tables in a plan; a new one is one more line.
READERS: dict[str, Reader] = {
    "grid connections": lambda inputs, grid, v_max: read_grid_connections(inputs),
    "source voltages": lambda inputs, grid, v_max: read_source_voltages(inputs, grid),
    "tap changers": lambda inputs, grid, v_max: read_tap_changers(inputs, grid),
    "capacitor banks": lambda inputs, grid, v_max: read_capacitor_banks(inputs, v_max),
    "generation": lambda inputs, grid, v_max: read_generation(inputs),
    "storages": lambda inputs, grid, v_max: read_storage(inputs),
    "electric vehicles": lambda inputs, grid, v_max: read_electric_vehicles(inputs),
    "fleets": lambda inputs, grid, v_max: read_fleets(inputs),
    "flexible loads": lambda inputs, grid, v_max: read_flexible_loads(inputs),
    "soft open points": lambda inputs, grid, v_max: read_soft_open_points(inputs, grid),
}


def read_devices(inputs: Inputs, grid: Grid, v_max: FloatArray) -> list[Device]:
    """Read every device of a net, kind by kind, as `READERS` says."""
    return [device for read in READERS.values() for device in read(inputs, grid, v_max)]
