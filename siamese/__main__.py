"""python -m siamese ..."""

import sys

from siamese.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
