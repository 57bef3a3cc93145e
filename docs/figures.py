"""The page of all figures, made of the functions that draw them: python docs/figures.py."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path
from typing import Any

from adnflex.reporting.kinds import KINDS
from adnflex.reporting.nothing_found import NothingFound

PAGE = Path(__file__).with_name("figures.md")
HEAD = """# Figures

Every report is made of figures, and each can be had alone, as a plotly `Figure`:

```python
import adnflex
import pandapower.networks as pn
from adnflex.reporting import figure

net = pn.case33bw()
plan = adnflex.plan_from(net, open_lines=[6, 8, 13, 31, 36])
figure("network", plan, adnflex.validate(plan, net), colour="supply")
```

`figure(name, result, check, **choices)` takes what `adnflex.report` takes. In a notebook it is shown; `write_html` and
`write_image` of plotly keep it. A figure that has nothing to show says so. This page is made from the code
(`python docs/figures.py`).
"""


def shown_by(draw: Any) -> str:
    """First paragraph of what draws a figure, and what may be chosen."""
    function = draw.func if isinstance(draw, partial) else draw
    told = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    fixed = draw.keywords if isinstance(draw, partial) else {}
    choices = [name for name in list(inspect.signature(function).parameters)[1:] if name not in fixed]
    of = "".join(f", here `{name}={value!r}`" for name, value in fixed.items())
    return f"{told.removesuffix('.')}{of} | {', '.join(f'`{name}`' for name in choices)}"


def page() -> str:
    """All of it."""
    lines = [HEAD]
    for kind in KINDS:
        names = [f"`{'errors.Infeasible' if r is NothingFound else r.__name__}`" for r in kind.results]
        lines += [f"## {', '.join(names)}", "", "| figure | what it shows | choices |", "| --- | --- | --- |"]
        lines += [f"| `{name}` | {shown_by(draw)} |" for name, draw in sorted(kind.figures.items())]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
