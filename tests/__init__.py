"""The suite. Its workers and the processes that it starts share what is compiled.

Where a container forbids bytecode, each of them would compile all sources again, which took a
tenth of the suite's time.
"""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
