"""Runs the container of a Pod as kubelet and a container runtime do, with this checkout as its image.

Comes in: an API server, a Pod of it, a network namespace. Goes out: a process that has the Pod's arguments, variables
(the downward API's too), mounts, user, and nothing else of this machine: its root file system holds an interpreter and
our packages, and cannot be written to. Needs root. What the image says (user, variables) is read out of the Dockerfile.
"""

import asyncio
import base64
import contextlib
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ca.errors import KubernetesError
from pilot.agent import tether
from tests.kubernetes.cluster import TestCluster
from tests.live.namespaces import Namespace
from tests.shared import ROOT
from tests.test_docker import LAST, of

ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"
PACKAGES = "/opt/packages"
IMAGE = ("/usr", "/etc/ssl")
_OURS = ("pilot", "ca", "webhook", "generated")


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory of this machine, and where the container finds it."""

    source: Path
    path: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Host:
    """How a runtime treats images. `user`, None: the image's; `has_volumes`: what they declare can be written to."""

    user: int | None = None
    has_volumes: bool = True


class Kubelet:
    """For one Pod at a time."""

    def __init__(self, cluster: TestCluster, network: Namespace, work: Path, host: Host) -> None:
        self._cluster, self._network, self._work, self._host = cluster, network, work, host
        self.log = work / "container.log"

    @contextlib.asynccontextmanager
    async def running(self, pod: Mapping[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
        """Its container, which is killed in the end."""
        mounts = await self._mounts(pod)
        container = pod["spec"]["containers"][0]
        variables = dict(word.partition("=")[::2] for words in of("ENV", LAST) for word in shlex.split(words))
        host, _, port = self._cluster.server.url.removeprefix("https://").partition(":")
        variables |= {"HOME": "/", "HOSTNAME": pod["metadata"]["name"], "PATH": os.environ["PATH"]}
        variables |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        variables |= {each["name"]: _value(each, pod) for each in container.get("env", ())}
        script = "\n".join(self._script(pod, mounts, variables, container["args"]))
        command = self._network.command(_tool("unshare"), "--mount", _tool("sh"), "-ec", script)
        with self.log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            yield process
        except BaseException:
            print(f"--- the container's log\n{self.log.read_text(errors='replace')[-6000:]}")
            raise
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.wait()

    def _script(
        self, pod: Mapping[str, Any], mounts: list[Mount], variables: Mapping[str, str], arguments: list[str]
    ) -> Iterator[str]:
        """What a shell does in namespaces of its own, until it becomes the container."""
        root = self._work / "root"
        root.mkdir(exist_ok=True)
        base, environment = Path(sys.base_prefix), Path(sys.prefix)
        yield f"mount -t tmpfs -o mode=755 image {root}"
        for directory in (*map(Path, IMAGE), base, environment.resolve()):
            yield from _bound(root, Mount(directory, str(directory), read_only=True))
        for name in _OURS:
            yield from _bound(root, Mount((ROOT / name).resolve(), f"{PACKAGES}/{name}", read_only=True))
        for name in ("bin", "lib", "lib64"):
            yield f"ln -s usr/{name} {root}/{name}"
        for name in ("dev", "proc"):
            yield f"mkdir {root}/{name}; mount --rbind /{name} {root}/{name}"
        yield f"echo '127.0.0.1 localhost' > {root}/etc/hosts"
        for each in mounts:
            yield from _bound(root, each)
        if pod["spec"]["containers"][0]["securityContext"].get("readOnlyRootFilesystem"):
            yield f"mount -o remount,ro {root}"
        given = [f"{name}={value}" for name, value in variables.items()]
        given.append(f"PYTHONPATH={PACKAGES}:{PACKAGES}/generated")
        program = [str(environment.resolve() / "bin" / "python"), "-m", "pilot.cli.discovery", *arguments]
        group = (pod["spec"].get("securityContext") or {}).get("fsGroup", self.group)
        become = ["chroot", f"--userspec={self.user}:{self.group}", f"--groups={group}", str(root)]
        yield "exec " + shlex.join([*become, "/usr/bin/env", "-i", *given, *program])

    @property
    def user(self) -> int:
        """Whose the container is."""
        return self._host.user if self._host.user is not None else int(of("USER", LAST)[0].partition(":")[0])

    @property
    def group(self) -> int:
        """Where the runtime chooses the user, that is in the group of root."""
        return 0 if self._host.user is not None else int(of("USER", LAST)[0].partition(":")[2])

    # --- volumes ----------------------------------------------------------------------------------------------------

    async def _mounts(self, pod: Mapping[str, Any]) -> list[Mount]:
        """Those of the pod, of its account, and of its image, as they are now."""
        spec, volumes = pod["spec"], self._work / "volumes"
        declared = {each["name"]: each for each in spec.get("volumes", ())}
        token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
        declared["account"] = {"projected": {"sources": [token]}}
        wanted = [*spec["containers"][0]["volumeMounts"]]
        wanted.append({"name": "account", "mountPath": ACCOUNT_DIRECTORY, "readOnly": True})
        shutil.rmtree(volumes, ignore_errors=True)
        for name, volume in declared.items():
            contents = await self._contents(pod, volume)
            if name == "account":
                contents |= {"ca.crt": self._cluster.server.ca_file.read_bytes()}
                contents |= {"namespace": pod["metadata"]["namespace"].encode()}
            _project(volumes / name, contents)
            if "emptyDir" in volume:
                (volumes / name).chmod(0o777)
        found = [Mount(volumes / each["name"], each["mountPath"], each.get("readOnly", False)) for each in wanted]
        for path in of("VOLUME", LAST) if self._host.has_volumes else ():
            kept = self._work / "image-volume"
            kept.mkdir(mode=0o700, exist_ok=True)
            os.chown(kept, self.user, self.group)
            found.append(Mount(kept, path, read_only=False))
        return found

    async def _contents(self, pod: Mapping[str, Any], volume: Mapping[str, Any]) -> dict[str, bytes]:
        namespace = f"/api/v1/namespaces/{pod['metadata']['namespace']}"
        if "secret" in volume:
            found = await self._read(f"{namespace}/secrets/{volume['secret']['secretName']}")
            return {name: base64.b64decode(value) for name, value in (found.get("data") or {}).items()}
        if "configMap" in volume:
            found = await self._read(f"{namespace}/configmaps/{volume['configMap']['name']}")
            return {name: value.encode() for name, value in (found.get("data") or {}).items()}
        sources = (volume.get("projected") or {}).get("sources", ())
        return {
            each["path"]: (await self._token(pod, each)).encode()
            for each in (source["serviceAccountToken"] for source in sources)
        }

    async def _read(self, path: str) -> Mapping[str, Any]:
        """Empty where there is none: every volume of these is optional."""
        try:
            found: Mapping[str, Any] = await self._cluster.call("GET", path)
        except KubernetesError as error:
            if error.status != 404:
                raise
            return {}
        return found

    async def _token(self, pod: Mapping[str, Any], source: Mapping[str, Any]) -> str:
        metadata = pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec = {"expirationSeconds": source["expirationSeconds"], "boundObjectRef": bound}
        spec |= {"audiences": [source["audience"]]} if "audience" in source else {}
        account = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{pod['spec']['serviceAccountName']}"
        made = await self._cluster.call("POST", f"{account}/token", {"spec": spec})
        return str(made["status"]["token"])


def _bound(root: Path, mount: Mount) -> Iterator[str]:
    target = f"{root}{mount.path}"
    yield f"mkdir -p {target}; mount --bind {mount.source} {target}"
    if mount.read_only:
        yield f"mount -o remount,bind,ro {target}"


def _project(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Files as kubelet lays them out: a directory of this version, and links that change with one rename."""
    version = directory / f"..{time.strftime('%Y_%m_%d')}"
    version.mkdir(parents=True)
    (directory / "..data").symlink_to(version.name)
    for name, content in contents.items():
        (version / name).write_bytes(content)
        (directory / name).symlink_to(f"..data/{name}")


def _value(variable: Mapping[str, Any], pod: Mapping[str, Any]) -> str:
    """What a container sees of a variable."""
    source = variable.get("valueFrom")
    if source is None:
        return str(variable.get("value", ""))
    if "resourceFieldRef" in source:
        assert source["resourceFieldRef"]["resource"] == "limits.cpu", source
        return str(os.cpu_count())  # there is no limit: the machine's
    found: Any = pod
    for part in source["fieldRef"]["fieldPath"].split("."):
        found = found[part]
    return str(found)


def _tool(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, name
    return found
