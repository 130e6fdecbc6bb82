"""python -m siamese ..."""

import sys

from siamese.commands.cli import main
from siamese.training.memory import keep_freed_memory

if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(main())
