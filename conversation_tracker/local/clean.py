"""Remove the data folder and what belongs to it elsewhere, for `make clean`."""

from __future__ import annotations

import os
import sys

from conversation_tracker.local import locate, services
from conversation_tracker.local.lock import AlreadyHeld
from conversation_tracker.local.run import BASE_DIR

if __name__ == "__main__":
    try:
        services.remove(locate.var_of(BASE_DIR, os.environ))
    except AlreadyHeld as error:
        sys.exit(str(error))
