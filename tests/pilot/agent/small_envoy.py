"""A program that passes for Envoy where only its process matters. Run as a script; `--log-level` says what it does:

trace: writes one line of each kind; debug: ends with code 7; info: ignores SIGTERM; else: ends at SIGTERM with code 0.
"""

import os
import signal
import sys
import time


def main() -> None:
    what = sys.argv[sys.argv.index("--log-level") + 1]
    if what == "trace":
        print("warning\tconfig\tlistener 0.0.0.0_80: rejected " + 100_000 * "x", file=sys.stderr)
        print("info\tmain\tstarting\nsomething crashed", file=sys.stderr)
        print("[access] GET / 200", flush=True)
        with open("/dev/stdout", "a") as reopened:  # as Envoy's file access log does
            reopened.write("[access] GET /again 200\n")
    if what in ("trace", "debug"):
        sys.exit(7)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if what == "info" else lambda *_: sys.exit(0))
    with open(os.path.join(os.path.dirname(sys.argv[sys.argv.index("--admin-address-path") + 1]), "up"), "w") as up:
        up.write(str(os.getsid(0)))
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
