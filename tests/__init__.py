"""The suite. Its workers and the processes that it starts share what is compiled.

Where a container forbids bytecode, each of them would compile all sources again: six seconds a
worker, half of what it took to find its tests.
"""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
