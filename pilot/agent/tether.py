"""Becomes another program that is killed as soon as the process that started it dies.

Run as a script: `python tether.py PARENT_PID PROGRAM ARGUMENT...`. It asks the kernel for the signal and then executes
the program in its own place, so the process id stays. A script and not a function between fork and exec: the agent has
threads (gRPC's), and forking Python code beside them may deadlock. Only imports the standard library.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Does not return: ends as the program, or with an error."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            sys.exit(f"{program}: cannot be tied to its agent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(f"{program}: agent {parent} is gone")
    os.execv(program, sys.argv[2:])


if __name__ == "__main__":
    main()
