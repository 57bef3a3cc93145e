"""Devices of a dispatch: one file a device; `read_devices` is the table of all of them."""

from __future__ import annotations

from adnflex.devices.base import BrokenLimit, Device, Frame, Offering, Place, Schedule
from adnflex.devices.capabilities import (
    ByInverter,
    Lossy,
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
from adnflex.devices.storage import Storage, read_storage
from adnflex.devices.tap_changer import TapChanger, controlled_trafos, read_tap_changers
from adnflex.devices.timeline import Timeline
from adnflex.grid.model import FloatArray, Grid

__all__ = [
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
    "MovesVoltages",
    "Offering",
    "Place",
    "Positioned",
    "Reactive",
    "Schedule",
    "SoftOpenPoint",
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


def read_devices(inputs: Inputs, grid: Grid, v_max: FloatArray) -> list[Device]:
    """Read every device of a net; a new device is one more line here.

    Parameters
    ----------
    inputs : Inputs
        Tables and series; gets the faults.
    grid : Grid
        The grid.
    v_max : (n,) array
        Highest squared voltages [pu].
    """
    return [
        *read_grid_connections(inputs),
        *read_tap_changers(inputs, grid),
        *read_capacitor_banks(inputs, v_max),
        *read_generation(inputs),
        *read_storage(inputs),
        *read_electric_vehicles(inputs),
        *read_fleets(inputs),
        *read_flexible_loads(inputs),
        *read_soft_open_points(inputs, grid),
    ]
