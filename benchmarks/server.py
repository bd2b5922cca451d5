"""The server under load: ours, started here on free loopback ports, or any other by address and process id."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil

_IS_LINUX = os.uname().sysname == "Linux"
_LAG = re.compile(r'^meshpilot_event_loop_lag_seconds_bucket{le="([^"]+)"} (\S+)$', re.MULTILINE)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Server:
    """A running control plane. `address` is its plaintext ADS port, `process` what its CPU and memory are read from."""

    address: str
    process: psutil.Process
    secure_address: str = ""
    state_dir: pathlib.Path | None = None
    command: list[str] = field(default_factory=list)
    ready_url: str = ""
    metrics_url: str = ""
    log: pathlib.Path | None = None
    https_address: str = ""

    def cpu(self) -> float:
        """CPU seconds so far, user and system."""
        if _IS_LINUX:
            return time.clock_gettime((~self.process.pid << 3) | 2)  # the process's own clock: finer than ticks
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def cpu_of_all(self) -> float:
        """CPU seconds of the server and of the processes that it has started: certificates are signed in one."""
        times = [each.cpu_times() for each in self.process.children(recursive=True)]
        return self.cpu() + sum(each.user + each.system for each in times)

    def lags(self) -> Mapping[float, float]:
        """How often the event loop was late, by upper bound in seconds; empty for servers that do not tell."""
        if not self.metrics_url:
            return {}
        with urllib.request.urlopen(self.metrics_url, timeout=10) as answer:
            page = answer.read().decode()
        found = {float(bound): float(count) for bound, count in _LAG.findall(page)}
        bounds = sorted(found)
        below = [0.0, *(found[bound] for bound in bounds[:-1])]
        return {bound: found[bound] - less for bound, less in zip(bounds, below, strict=True)}

    def rss_mb(self) -> float:
        """Resident memory, megabytes."""
        return float(self.process.memory_info().rss) / 1e6

    def wait_ready(self, limit: float = 120.0) -> None:
        """Raises: TimeoutError."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(self.ready_url, timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                raise TimeoutError(f"the server ended at start, see {self.log}")
            time.sleep(0.05)
        raise TimeoutError(f"the server was not ready after {limit:.0f} s")

    def restart(self) -> None:
        """Kills it outright and starts it again with the same state."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = spawn(self.command, self.log)

    def stop(self) -> None:
        """Ends what was started here."""
        if not self.command:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except psutil.TimeoutExpired:
            self.process.kill()


def spawn(command: list[str], log: pathlib.Path | None) -> psutil.Process:
    """Starts a server with its output in `log`."""
    with open(log or os.devnull, "ab") as output:
        return psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT)


def start(config_dir: pathlib.Path, work_dir: pathlib.Path, extra: Sequence[str] = ()) -> Server:
    """Our own control plane on `config_dir`, in file mode, with logs and state under `work_dir`; `extra` arguments."""
    ports = {name: free_port() for name in ("grpcAddr", "secureGRPCAddr", "httpAddr", "httpsAddr", "monitoringAddr")}
    mesh = work_dir / "mesh.yaml"
    mesh.write_text("{}\n")
    state = work_dir / "state"
    command = [
        sys.executable,
        "-m",
        "pilot.cli.discovery",
        "discovery",
        "--configDir",
        str(config_dir),
        "--meshConfig",
        str(mesh),
        "--stateDir",
        str(state),
        "--log_output_level",
        "default:warn,all:warn",
        *extra,
    ]
    for flag, port in ports.items():
        command += [f"--{flag}", f"127.0.0.1:{port}"]
    log = work_dir / "server.log"
    made = Server(
        f"127.0.0.1:{ports['grpcAddr']}",
        spawn(command, log),
        f"127.0.0.1:{ports['secureGRPCAddr']}",
        state,
        command,
        f"http://127.0.0.1:{ports['httpAddr']}/ready",
        f"http://127.0.0.1:{ports['monitoringAddr']}/metrics",
        log,
        f"127.0.0.1:{ports['httpsAddr']}",
    )
    made.wait_ready()
    return made
