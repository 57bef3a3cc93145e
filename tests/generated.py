"""The generator of nets that the benchmarks use, which is a script and no part of the library."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

PATH = Path(__file__).parent.parent / "validation" / "benchmarks" / "generated.py"


@cache
def load_generated() -> ModuleType:
    """Return it as a module."""
    spec = importlib.util.spec_from_file_location("generated_nets", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their own module up
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
