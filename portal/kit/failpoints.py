"""Named points at which a test may end the process as a power cut would. Off unless the environment names one."""

from __future__ import annotations

import os
import signal

FAILPOINT = "FAILPOINT"


def reach(name: str) -> None:
    """Ends the process with SIGKILL when it was told to die here; else nothing."""
    if os.environ.get(FAILPOINT) == name:
        os.kill(os.getpid(), signal.SIGKILL)
