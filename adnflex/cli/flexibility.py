"""``adnflex flexibility``: what a network can promise at its coupling point, and switch states that enlarge it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pandapower import pandapowerNet

import adnflex
from adnflex.cli.exits import EXIT_CODES, EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable, save_net
from adnflex.cli.horizon import add_horizon
from adnflex.cli.interruption import Interruption
from adnflex.cli.judging import say_interrupted
from adnflex.cli.profiles import read_profiles
from adnflex.cli.terminal import ProgressLine, say, tell
from adnflex.cli.words import NET_FORMS, add_outputs, add_switchable, count, element, number, periods, topology
from adnflex.errors import Infeasible, InputError
from adnflex.sources import open_net

__all__ = ["add", "run"]

T = TypeVar("T")

_EXAMPLES = """\
examples:
  adnflex flexibility park33_flexibility --report flexibility.html
  adnflex flexibility park33_flexibility --reconfigure --report flexibility.html
  adnflex flexibility park33_flexibility --periods 10,14 --reconfigure --max-operations 4
  adnflex flexibility simbench:1-MV-rural--2-sw:day=149 --direction up --report up.html
"""


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "flexibility",
        help="find the active power that a network can promise at its coupling point, hour by hour",
        description=(
            "Find a large box of active power at the coupling point inside which every trajectory\n"
            "can be followed by the devices, run it in full AC power flow, and report. With\n"
            "--reconfigure, find switch states that enlarge it."
        ),
        epilog=f"{_EXAMPLES}\n{NET_FORMS}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    command.add_argument("net", metavar="NET", help="a file or a name, see below")
    add_horizon(command.add_argument_group("when"), "studies of net.studies, written into the net one after another")
    _add_box(command.add_argument_group("what is asked"))
    _add_topology(command.add_argument_group("what may be switched"))
    _add_effort(command.add_argument_group("how long and how thoroughly"))
    add_outputs(command)
    command.add_argument(
        "--plan", type=Path, metavar="FILE.json", help="save the box (of --reconfigure: the new one), to validate it"
    )
    command.add_argument(
        "--net",
        dest="net_out",
        type=Path,
        metavar="FILE.json",
        help="write the net with the switch states of --reconfigure, if the AC check passes",
    )
    command.add_argument(
        "--region",
        type=periods,
        metavar="A:B",
        help="P-Q regions at the coupling point of these periods, as they stand, for the report",
    )


def _add_box(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--pcc",
        type=element,
        metavar="TABLE:INDEX",
        help="coupling point, e.g. ext_grid:0, trafo:3 or line:7; default: the only source",
    )
    group.add_argument(
        "--direction",
        choices=("both", "up", "down", "symmetric"),
        default="both",
        help="which deviations from the base schedule count; default: both, whatever the base",
    )
    group.add_argument(
        "--required",
        type=number(0),
        nargs=2,
        metavar=("DOWN", "UP"),
        help="widths below and above the base schedule that there have to be, in MW",
    )
    group.add_argument("--without-q", action="store_true", help="inverters keep their reactive power")
    group.add_argument(
        "--final-energy",
        default="free",
        metavar="WHAT",
        help="least energy of storages at the end: free (default), initial, or percent of max_e_mwh",
    )
    group.add_argument(
        "--tie-break", choices=("none", "even"), default="none", help="even: of equal boxes (linear model) the evenest"
    )
    group.add_argument(
        "--sides", type=count(8), default=16, metavar="N", help="sides of the polygons of ratings; default 16"
    )
    group.add_argument(
        "--positions",
        choices=("fixed", "search"),
        default="fixed",
        help="search: move controllable tap changers and capacitor banks too (not with --reconfigure)",
    )
    group.add_argument(
        "--vm-limits",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="voltage limits of all buses in pu; default: those of the net",
    )


def _add_topology(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--reconfigure", action="store_true", help="find the switch states that enlarge the box most")
    add_switchable(group)
    group.add_argument(
        "--max-operations", type=count(0), metavar="N", help="largest number of operations; default: no limit"
    )
    group.add_argument(
        "--compare",
        type=topology,
        action="append",
        default=[],
        metavar="NAME=LINES",
        help="a topology to put beside, by its open lines, e.g. mine=7,8,27,32,35 (may be repeated)",
    )


def _add_effort(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--gap", type=number(0), default=1e-4, metavar="G", help="relative gap of the linear model; default 1e-4"
    )
    group.add_argument(
        "--time-limit", type=number(0), default=300.0, metavar="S", help="time limit in seconds; default 300"
    )
    group.add_argument("--workers", type=count(1), metavar="N", help="processes for the bound of the linear model")
    group.add_argument("--seed", type=count(0), default=0, metavar="N", help="seed of searches and trajectories")
    group.add_argument(
        "--trajectories", type=count(2), default=1000, metavar="N", help="trajectories of the AC check; default 1000"
    )


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Solve, check, write."""
    _require_sense(args)
    outputs = {"--report": args.report, "--plan": args.plan, "--net": args.net_out}
    read = {f"--profiles {'.'.join(key)}": path for key, path in args.profiles}
    require_writable(outputs, inputs={"NET": args.net, **read})
    net, label = open_net(args.net)
    for name in args.study:
        net = adnflex.networks.study(net, name)
    boxes = _solve(args, interruption, net, f"{label}, {', '.join(args.study)}" if args.study else label)
    last = boxes[-1]
    interruption.finish()
    say_interrupted(last)
    files = Outputs()
    files.write("--plan", args.plan, last.save)
    check = adnflex.validate(last, net, trajectories=args.trajectories, seed=args.seed)
    return _conclude(args, interruption, net, boxes, check, files)


def _require_sense(args: argparse.Namespace) -> None:
    faults = []
    if not args.reconfigure:
        given = {
            "--switchable-lines": args.switchable_lines is not None,
            "--switchable-switches": bool(args.switchable_switches),
            "--locked-lines": bool(args.locked_lines),
            "--max-operations": args.max_operations is not None,
            "--compare": bool(args.compare),
            "--net": args.net_out is not None,
        }
        faults = [
            f"{o}: means nothing while switch states are fixed; add --reconfigure." for o, g in given.items() if g
        ]
    if args.reconfigure and args.positions != "fixed":
        faults.append("--positions: is not searched together with switch states; give one of them.")
    if args.final_energy not in ("free", "initial"):
        try:
            args.final_energy = float(args.final_energy)
        except ValueError:
            faults.append(f"--final-energy {args.final_energy}: give free, initial or percent of max_e_mwh.")
    if faults:
        raise InputError(faults)


def _solve(
    args: argparse.Namespace, interruption: Interruption, net: pandapowerNet, label: str
) -> list[adnflex.Flexibility]:
    """Solve for the box of the present switch states, and of the best ones where asked for."""
    wishes: dict[str, Any] = {
        "pcc": args.pcc,
        "profiles": read_profiles(args.profiles),
        "periods": args.periods,
        "hours_per_period": args.hours_per_period,
        "start_hour": args.start_hour,
        "vm_limits": None if args.vm_limits is None else (args.vm_limits[0], args.vm_limits[1]),
        "direction": args.direction,
        "required_mw": None if args.required is None else tuple(args.required),
        "reactive_power": not args.without_q,
        "final_energy": args.final_energy,
        "tie_break": args.tie_break,
        "sides": args.sides,
        "seed": args.seed,
        "time_limit": args.time_limit,
        "name": label,
    }
    if not args.reconfigure:
        return [
            _shown(
                args, interruption, lambda p: adnflex.flexibility(net, positions=args.positions, progress=p, **wishes)
            )
        ]
    best = _shown(
        args,
        interruption,
        lambda p: adnflex.reconfigure_for_flexibility(
            net,
            switchable_lines=args.switchable_lines,
            switchable_switches=args.switchable_switches,
            locked_lines=args.locked_lines,
            max_operations=args.max_operations,
            compare=dict(args.compare) or None,
            gap=args.gap,
            workers=args.workers,
            progress=p,
            **wishes,
        ),
    )
    interruption.started = True
    try:
        return [_beside(interruption, lambda p: adnflex.flexibility(net, progress=p, **wishes)), best]
    except KeyboardInterrupt:
        say("interrupted; the box of the present switch states is left out.")
        return [best]
    except (Infeasible, InputError) as error:
        # the present state may be meshed or break limits; the best one stands alone then
        say(f"the present switch states have no box: {error}")
        return [best]


def _beside(interruption: Interruption, work: Callable[[Callable[[adnflex.Progress], None]], T]) -> T:
    """Work out something beside the plan, which is left out where the user does not want to wait for it."""
    interruption.late = False
    if interruption.asked:
        raise KeyboardInterrupt
    try:
        return work(lambda row: interruption.leave())
    finally:
        interruption.finish()


def _shown(
    args: argparse.Namespace,
    interruption: Interruption,
    work: Callable[[Callable[[adnflex.Progress], None]], adnflex.Flexibility],
) -> adnflex.Flexibility:
    """Work with a progress line."""
    shown = None if args.quiet else ProgressLine("MWh", sys.stderr)

    def progress(row: adnflex.Progress) -> None:
        if shown is not None:
            shown(row)
        interruption.heard(row)

    try:
        return work(progress)
    finally:
        if shown is not None:
            shown.close()


def _conclude(
    args: argparse.Namespace,
    interruption: Interruption,
    net: pandapowerNet,
    boxes: list[adnflex.Flexibility],
    check: adnflex.FlexibilityCheck,
    files: Outputs,
) -> int:
    """Write what is left, print the summary, and give the exit code."""
    last = boxes[-1]
    regions: list[adnflex.Region] = []
    if args.region is not None:
        try:
            wanted, pcc = args.region, args.pcc
            regions = [_beside(interruption, lambda p: adnflex.pq_region(net, periods=wanted, pcc=pcc, progress=p))]
        except KeyboardInterrupt:
            say("interrupted; the P-Q region is left out.")
    if args.net_out is not None:
        if check.passed:
            files.write("--net", args.net_out, lambda path: save_net(last.switched(net), path))
        else:
            say(f"{args.net_out} is not written: the box failed its AC check.")
    shown: list[adnflex.Flexibility | adnflex.Region] = [*boxes, *regions]
    files.write("--report", args.report, lambda path: adnflex.report(shown, check, path, net=net))
    if not args.quiet:
        tell(last.summary())
        tell(check.summary())
        for region in regions:
            tell(region.summary())
        files.show()
    if not check.passed:
        say(f"AC check failed: {check.verdict}.")
    return files.exit_code(EXIT_OK if check.passed else EXIT_FAILED)
