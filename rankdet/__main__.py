"""`python -m rankdet`, the same as `rankdet`."""

import sys

from rankdet.cli import main

if __name__ == "__main__":
    sys.exit(main())
