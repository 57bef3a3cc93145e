"""``python -m adnflex.cli`` is ``adnflex``."""

import sys

from adnflex.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
