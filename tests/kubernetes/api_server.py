"""A real Kubernetes API server with its etcd, on free ports of the loopback: ready in about 8 seconds.

Comes in: nothing. Goes out: an `ApiServer`: its address, its CA, the token of an administrator, and small calls for
tests. There are no controllers, no nodes and no kubelets: what they would do, a test does. Authorization is RBAC, as in
a cluster, so a test can ask with a token of its own and be refused.

    async def test_something(api_server: ApiServer) -> None: ...

`api_server` is a fixture of `tests/conftest.py` that starts one server for the whole run; a test that uses it makes a
namespace of its own (`await api_server.namespace()`). The test has the mark `kubernetes`.
"""

import asyncio
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ca.bundle import encode_private_key
from pilot.agent import tether
from tests.kubernetes import binaries

READY_SECONDS = 60
ISSUER = "https://kubernetes.default.svc.cluster.local"


class ApiStatusError(Exception):
    """The API server answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class ApiServer:
    """One running API server."""

    url: str
    directory: Path
    admin_token: str
    store: str = ""
    """URL of its etcd, whose keys a test may change behind its back."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """etcd, then the API server."""
    command: tuple[Path, Mapping[str, str]] = (Path(), {})

    @property
    def ca_file(self) -> Path:
        """PEM: whom clients trust."""
        return self.directory / "certs" / "apiserver.crt"

    @property
    def context(self) -> ssl.SSLContext:
        """For clients."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    @property
    def kubeconfig(self) -> Path:
        """A file for whoever reads kubeconfigs; its user is the administrator."""
        path = self.directory / "kubeconfig"
        if not path.exists():
            content = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}
                ],
                "users": [{"name": "admin", "user": {"token": self.admin_token}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
                "current-context": "test",
            }
            path.write_text(json.dumps(content))  # JSON is YAML
        return path

    def kill(self) -> None:
        """kill -9 of the API server; its store goes on."""
        _stop(self.processes.pop())

    def start_again(self) -> None:
        """At the same address, after `kill`; returns when it is ready.

        Not in another thread: what a thread has started dies with it.
        """
        self.processes.append(_run(*self.command, self.directory))
        _wait_until_ready(self, self.processes)

    def start_again_if_needed(self) -> None:
        """After a test that may have failed between the two."""
        if len(self.processes) == 1:
            self.start_again()

    def request(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """One call, as administrator unless a token is given; the decoded answer. Raises: ApiStatusError."""
        asked = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {token or self.admin_token}",
                "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
            },
        )
        try:
            with urllib.request.urlopen(asked, context=self.context, timeout=10) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiStatusError(error.code, error.read().decode()[:500]) from None
        return json.loads(text) if text.startswith("{") else text

    async def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """`request` for a test that has an event loop."""
        return await asyncio.to_thread(self.request, method, path, body, token)

    async def namespace(self) -> str:
        """A new one; its name."""
        name = f"test-{secrets.token_hex(4)}"
        await self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    async def service_account(self, namespace: str, name: str) -> str:
        """A new one; its uid."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        made = await self.call("POST", path, {"metadata": {"name": name}})
        return str(made["metadata"]["uid"])

    async def pod(self, namespace: str, name: str, account: str, node: str = "") -> str:
        """A new pod that nobody runs; its uid."""
        spec: dict[str, Any] = {"serviceAccountName": account, "containers": [{"name": "app", "image": "none"}]}
        if node:
            spec["nodeName"] = node
        body = {"metadata": {"name": name}, "spec": spec}
        made = await self.call("POST", f"/api/v1/namespaces/{namespace}/pods", body)
        return str(made["metadata"]["uid"])

    async def token(
        self, namespace: str, account: str, audience: str = "istio-ca", pod: tuple[str, str] | None = None
    ) -> str:
        """A token as kubelet projects it into pods (TokenRequest); `pod`: bound to that name and uid."""
        spec: dict[str, Any] = {"audiences": [audience], "expirationSeconds": 600}
        if pod:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod[0], "uid": pod[1]}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str((await self.call("POST", path, {"spec": spec}))["status"]["token"])


@contextmanager
def running_api_server(flags: Mapping[str, str] | None = None) -> Iterator[ApiServer]:
    """Starts etcd and the API server, waits until it is ready, stops both. Skips the test where they cannot be had.

    `flags`: of the API server, beside or instead of the usual ones.
    """
    programs = binaries.kube_apiserver(), binaries.etcd()
    with tempfile.TemporaryDirectory(prefix="meshpilot-kubernetes-") as name:
        directory = Path(name)
        started: list[subprocess.Popen[bytes]] = []
        try:
            yield _start(directory, *programs, started, flags or {})
        finally:
            for process in reversed(started):
                _stop(process)


def _start(
    directory: Path, apiserver: Path, etcd: Path, started: list[subprocess.Popen[bytes]], flags: Mapping[str, str]
) -> ApiServer:
    client, peer, secure = free_ports(3)
    at_client, at_peer = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    store = {
        "data-dir": str(directory / "etcd"),
        "listen-client-urls": at_client,
        "advertise-client-urls": at_client,
        "listen-peer-urls": at_peer,
        "initial-advertise-peer-urls": at_peer,
        "initial-cluster": f"default={at_peer}",
        "unsafe-no-fsync": "true",
    }
    started.append(_run(etcd, store, directory))
    key = directory / "service-account-key.pem"
    key.write_bytes(encode_private_key(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    token = secrets.token_hex(16)
    (directory / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    server = {
        "etcd-servers": at_client,
        "secure-port": str(secure),
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "cert-dir": str(directory / "certs"),
        "service-cluster-ip-range": "10.0.0.0/24",
        "service-account-issuer": ISSUER,
        "service-account-key-file": str(key),
        "service-account-signing-key-file": str(key),
        "token-auth-file": str(directory / "tokens.csv"),
        "authorization-mode": "RBAC",
        "disable-admission-plugins": "TaintNodesByCondition",
        **flags,
    }
    started.append(_run(apiserver, server, directory))
    url = f"https://{server['bind-address']}:{secure}"
    found = ApiServer(url, directory, token, at_client, started, (apiserver, server))
    _wait_until_ready(found, started)
    return found


def _run(program: Path, flags: Mapping[str, str], directory: Path) -> subprocess.Popen[bytes]:
    with (directory / f"{program.name}.log").open("wb") as log:
        return subprocess.Popen(
            # Killed with the test run, however that ends.
            [
                sys.executable,
                tether.__file__,
                str(os.getpid()),
                str(program),
                *(f"--{k}={v}" for k, v in flags.items()),
            ],
            cwd=directory,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(directory), "ETCD_UNSUPPORTED_ARCH": "arm64"},
            start_new_session=True,
        )


def _wait_until_ready(server: ApiServer, started: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        for process in started:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args} ended with {process.returncode}: {_logs(server.directory)}")  # type: ignore[str-bytes-safe]
        with suppress(OSError, ApiStatusError):
            server.request("GET", "/readyz")
            server.request("GET", "/api/v1/namespaces/default")
            server.request("GET", "/api/v1/namespaces/kube-system")
            return
        time.sleep(0.1)
    raise RuntimeError(f"the API server is not ready after {READY_SECONDS} s: {_logs(server.directory)}")


def _logs(directory: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(directory.glob("*.log")))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """At once: nobody needs what it holds."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
