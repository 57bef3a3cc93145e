"""Whether what is minimised feels what is decided: a dispatch without a price is a guess."""

from __future__ import annotations

from collections.abc import Sequence

from adnflex.devices import Device, Supplies, able
from adnflex.devices.cost_curve import CostCurve
from adnflex.errors import InputError
from adnflex.problems.dispatch.problem import Costs, Topology

_GIVE = "give ext_grid.price_per_mwh, rows of poly_cost or pwl_cost, or loss_cost_per_mwh=1 for least losses"
# What makes a device's power or moves cost something.
_PRICES = ("cost_per_mwh", "cost_per_mvarh", "block_cost", "cut_cost")


def require_prices(devices: Sequence[Device], costs: Costs, topology: Topology) -> None:
    """Refuse an objective that is zero whatever is decided, and switching that feels no losses.

    Parameters
    ----------
    devices : sequence of Device
        What is dispatched.
    costs : Costs
        Prices that belong to no device.
    topology : Topology
        What may be switched.

    Raises
    ------
    InputError
        With the way out.
    """
    sources = able(devices, Supplies)
    carbon = any(d.carbon.any() for d in sources)
    asked = {
        "objective='carbon'": costs.minimise == "carbon",
        "carbon_price_per_kg": costs.carbon_per_kg > 0,
        "carbon_budget_kg": costs.carbon_budget_kg is not None,
    }
    wanting = [name for name, wanted in asked.items() if wanted]
    # a factor of 0 that is written down is an answer, one that is missing is not
    if wanting and not any(d.carbon_given for d in sources):
        raise InputError(
            f"{' and '.join(wanting)}: no source has an emission factor, so every dispatch emits nothing; give "
            "ext_grid.co2_kg_per_mwh (or its profile)."
        )
    if costs.minimise == "carbon":
        return
    energy = costs.loss_per_mwh > 0 or any(d.priced for d in sources) or (costs.carbon_per_kg > 0 and carbon)
    if not energy and not topology.cost and not any(_priced(d) for d in devices):
        raise InputError(f"no price is given, so every dispatch costs 0 and none is better: {_GIVE}.")
    if topology.spans and not energy:
        raise InputError(
            f"switching is to be decided, but what is minimised does not feel the losses, so any topology will do: "
            f"{_GIVE}."
        )


def _priced(device: Device) -> bool:
    """Whether a device has a price of its own."""
    curve, rules = getattr(device, "curve", None), getattr(device, "rules", None)
    return (
        (isinstance(curve, CostCurve) and curve.varies)
        or any(getattr(device, name, 0.0) for name in _PRICES)
        or bool(getattr(rules, "cost", 0.0))
    )


def price_notes(devices: Sequence[Device], costs: Costs) -> list[str]:
    """Name sources whose energy is free in a dispatch by cost."""
    if costs.minimise != "cost" or costs.loss_per_mwh > 0:
        return []
    return [
        f"{d.place}: its price is 0 or missing, so that the energy it gives counts as free."
        for d in able(devices, Supplies)
        if not d.priced
    ]
