"""Our webhooks, called by a real API server: every recorded decision, refusals, rotation, and a webhook that is away.

The control plane reads a directory; an API server of our own knows it by URL.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from cryptography import x509

from ca.bundle import Bundle, encode_certificate, encode_private_key
from ca.errors import KubernetesError
from ca.serving import issue_serving
from pilot.cli.tag import tag
from tests.ca.makers import ec_key, make_root
from tests.control_plane import HTTPS, ControlPlane, running
from tests.kubernetes.cluster import TestCluster
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.shared import shared_path
from webhook import configurations
from webhook.configurations import Endpoint

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(300)]

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
STATUS = "sidecar.istio.io/status"
PROBE = {"sidecar.istio.io/inject": "true"}


@asynccontextmanager
async def control_plane(tmp_path: Path, *arguments: str) -> AsyncIterator[ControlPlane]:
    """Ours, with the recorded installation's templates."""
    default, inject, objects = shared_path("aux", "inject", "_default"), tmp_path / "inject", tmp_path / "objects"
    for directory in (inject, objects):
        directory.mkdir()
    for name in ("config", "values"):
        (inject / name).write_text((default / f"{name}.yaml").read_text())
    given = ("--meshConfig", str(default / "mesh.yaml"), "--injectionDirectory", str(inject), *arguments)
    with network() as loopback:
        async with running(ControlPlane(loopback.address(1), objects, tmp_path / "work", given)) as made:
            yield made


def endpoint(plane: ControlPlane, path: str = "/inject") -> Endpoint:
    roots = base64.b64encode(plane.root.read_bytes()).decode()
    return Endpoint(url=f"https://{plane.address}:{HTTPS}", ca_bundle=roots, injection_path=path)


async def register(cluster: TestCluster, *wanted: dict[str, Any]) -> None:
    """These, and no others."""
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        await cluster.call("DELETE", f"{WEBHOOKS}/{kind}")
    for each in wanted:
        await cluster.call("POST", f"{WEBHOOKS}/{each['kind'].lower()}s", each)


async def label(cluster: TestCluster, name: str, labels: Mapping[str, str]) -> None:
    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}})


def pod(
    labels: Mapping[str, str] = {}, annotations: Mapping[str, str] = {}, host_network: bool = False
) -> dict[str, Any]:
    spec = {
        "serviceAccountName": "default",
        "hostNetwork": host_network,
        "containers": [{"name": "app", "image": "none"}],
    }
    return {"metadata": {"name": "p", "labels": dict(labels), "annotations": dict(annotations)}, "spec": spec}


async def tried(cluster: TestCluster, namespace: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The pod as it would be created."""
    found: dict[str, Any] = await cluster.call("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", wanted)
    return found


def is_injected(found: Mapping[str, Any]) -> bool:
    return STATUS in (found["metadata"].get("annotations") or {})


def by_whom(found: Mapping[str, Any]) -> str | None:
    """The revision whose webhook was called: ours say it in their path."""
    if not is_injected(found):
        return None
    containers = [*found["spec"].get("initContainers", ()), *found["spec"]["containers"]]
    proxy = next(each for each in containers if each["name"] == "istio-proxy")
    variables = {each["name"]: each.get("value") for each in proxy["env"]}
    return str(variables["ISTIO_META_CLUSTER_ID"])


# --- every recorded decision ----------------------------------------------------------------------------------------


def installed(plane: ControlPlane, name: str) -> dict[str, Any]:
    revision = "canary" if name == "canary" else "default"
    where = endpoint(plane, f"/inject/cluster/{revision}")
    return configurations.build_injection(revision, where, by_default=name == "nsdefault")


async def settle(cluster: TestCluster, names: list[str]) -> None:
    """Waits until the API server calls these webhooks and no others."""
    await label(cluster, "probe-default", {"istio.io/rev": "default"})
    await label(cluster, "probe-canary", {"istio.io/rev": "canary"})
    await label(cluster, "probe-nothing", {})

    async def is_so() -> bool:
        found = {
            "default": is_injected(await tried(cluster, "probe-default", pod(PROBE))),
            "canary": is_injected(await tried(cluster, "probe-canary", pod(PROBE))),
            "nsdefault": is_injected(await tried(cluster, "probe-nothing", pod(annotations=PROBE))),
        }
        return found == {
            "default": "default" in names or "nsdefault" in names,
            "canary": "canary" in names,
            "nsdefault": "nsdefault" in names,
        }

    await eventually(is_so, within=30)


async def in_force(plane: ControlPlane, times: int) -> None:
    """Waits until the injector's configuration was taken over so often."""
    await eventually(lambda: len(plane.lines("injector configuration is in force")) >= times, within=30)


async def test_every_recorded_decision_is_made_alike(cluster: TestCluster, tmp_path: Path) -> None:
    text = shared_path("aux", "inject-decision", "decisions.yaml").read_text()
    rows = yaml.load(text, yaml.CSafeLoader)
    assert len(rows) >= 128
    different: list[tuple[str, str | None, str | None]] = []
    async with control_plane(tmp_path) as plane:
        config = tmp_path / "inject" / "config"
        plain = yaml.load(config.read_text(), yaml.CSafeLoader)
        called: list[str] = []
        for _, group in groupby(rows, key=lambda row: (row["webhookConfigurations"], row["injector"])):
            together = list(group)
            names, injector = together[0]["webhookConfigurations"], together[0]["injector"]
            written = len(plane.lines("injector configuration is in force")) + 1
            config.write_text(f"# {len(different)} {together[0]['id']}\n{yaml.safe_dump(plain | injector)}")
            await in_force(plane, written)
            if names != called:  # an illegal policy injects nothing that one could wait for
                await register(cluster, *(installed(plane, name) for name in names))
                await settle(cluster, names)
                called = names
            for row in together:
                await label(cluster, row["namespace"]["name"], row["namespace"]["labels"])
                asked = row["pod"]
                wanted = pod(asked["labels"], asked["annotations"], asked["hostNetwork"])
                ours = by_whom(await tried(cluster, row["namespace"]["name"], wanted))
                if ours != row["injectedByRevision"]:
                    different.append((row["id"], row["injectedByRevision"], ours))
    assert different == []


# --- objects of Istio -----------------------------------------------------------------------------------------------


async def test_an_invalid_object_is_refused_with_our_words(cluster: TestCluster, tmp_path: Path) -> None:
    collection = "/apis/networking.istio.io/v1/namespaces/default/virtualservices?dryRun=All"
    bad = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "bad"},
        "spec": {
            "hosts": ["a"],
            "http": [{"redirect": {"uri": "/x"}, "rewrite": {"uri": "/y"}, "retries": {"retryOn": "x"}}],
        },
    }
    good = bad | {"spec": {"hosts": ["a"], "http": [{"redirect": {"uri": "/x"}}]}}
    async with control_plane(tmp_path) as plane:
        made = configurations.build_default_validation("default", endpoint(plane), failure_policy="Fail")
        await register(cluster, made)

        async def is_refused() -> str:
            try:
                await cluster.call("POST", collection, bad)
            except KubernetesError as error:
                return str(error)
            return ""

        said = await eventually(is_refused, within=30)
        assert 'admission webhook "validation.istio.io" denied the request' in said
        assert "spec.http[0].rewrite: expected nothing" in said
        assert "spec.http[0].retries.attempts: expected 1 or more" in said
        assert (await cluster.call("POST", collection, good))["metadata"]["name"] == "bad"
        figures = (await plane.get(25014, "/metrics"))[1]
        assert (
            'galley_validation_passed{group="networking.istio.io",resource="virtualservices",version="v1"}' in figures
        )


# --- certificates and absence ---------------------------------------------------------------------------------------


def write_certificate(directory: Path, root: Bundle, address: str, serial: int) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    made = issue_serving(root, (address,), now=now, serial=serial, lifetime=timedelta(hours=1))
    texts = {
        "tls.key": encode_private_key(made.key.reveal()),
        "tls.crt": encode_certificate(made.certificate).encode(),
        "root.pem": root.roots.encode(),
    }
    for name, text in texts.items():
        (directory / f"{name}.new").write_bytes(text)
        (directory / f"{name}.new").rename(directory / name)


def presented(address: str) -> int:
    pem = ssl.get_server_certificate((address, HTTPS), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def is_presented(plane: ControlPlane, serial: int) -> None:
    async def is_so() -> bool:
        return await asyncio.to_thread(presented, plane.address) == serial

    await eventually(is_so, within=30)


async def test_certificates_are_rotated_while_pods_are_created(cluster: TestCluster, tmp_path: Path) -> None:
    files = tmp_path / "tls"
    files.mkdir()
    now = datetime.now(UTC)
    root = make_root(ec_key(), now - timedelta(hours=1))
    flags = [("tlsCertFile", "tls.crt"), ("tlsKeyFile", "tls.key"), ("caCertFile", "root.pem")]
    arguments = [part for flag, name in flags for part in (f"--{flag}", str(files / name))]
    write_certificate(files, root, "127.0.0.1", 1000)  # its address is not known before it runs
    await label(cluster, "rotating", {"istio-injection": "enabled"})
    async with control_plane(tmp_path, *arguments) as plane:
        write_certificate(files, root, plane.address, 1001)
        await is_presented(plane, 1001)
        where = Endpoint(
            url=f"https://{plane.address}:{HTTPS}", ca_bundle=base64.b64encode(root.roots.encode()).decode()
        )
        await register(cluster, configurations.build_injection("default", where))

        async def is_called() -> bool:
            return is_injected(await tried(cluster, "rotating", pod()))

        await eventually(is_called, within=30)
        stop = asyncio.Event()

        async def create() -> int:
            count = 0
            while not stop.is_set():
                assert is_injected(await tried(cluster, "rotating", pod()))
                count += 1
            return count

        creating = [asyncio.create_task(create()) for _ in range(4)]
        for serial in (1002, 1003):
            write_certificate(files, root, plane.address, serial)
            await is_presented(plane, serial)
        stop.set()
        assert sum(await asyncio.gather(*creating)) > 20


@pytest.mark.parametrize("policy", ["Ignore", "Fail"])
async def test_a_webhook_that_is_away_counts_as_its_policy_says(
    cluster: TestCluster, tmp_path: Path, policy: str
) -> None:
    await label(cluster, "away", {"istio-injection": "enabled"})
    async with control_plane(tmp_path) as plane:
        made = configurations.build_injection("default", endpoint(plane))
        for each in made["webhooks"]:
            each["failurePolicy"] = policy
        await register(cluster, made)

        async def is_called() -> bool:
            return is_injected(await tried(cluster, "away", pod()))

        await eventually(is_called, within=30)
        await plane.kill()
        if policy == "Ignore":
            assert not is_injected(await tried(cluster, "away", pod()))
        else:
            with pytest.raises(KubernetesError, match="failed calling webhook"):
                await tried(cluster, "away", pod())
        await plane.start()
        await eventually(is_called, within=30)


async def test_the_config_map_of_the_cluster_is_what_pods_are_injected_by(cluster: TestCluster, tmp_path: Path) -> None:
    default = shared_path("aux", "inject", "_default")
    data = {name: (default / f"{name}.yaml").read_text() for name in ("config", "values")}
    injector = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
        "data": data,
    }
    await cluster.create(injector)
    await label(cluster, "configured", {"istio-injection": "enabled"})
    arguments = ("--kubeconfig", str(cluster.server.kubeconfig), "--injectionDirectory", str(tmp_path / "none"))
    environment = {"ENABLE_LEADER_ELECTION": "false", "CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE": "2048"}
    with network() as loopback:
        address = loopback.address(1)
        environment["ISTIOD_CUSTOM_HOST"] = address
        async with running(ControlPlane(address, None, tmp_path / "work", arguments, environment)) as plane:
            pem = await asyncio.to_thread(ssl.get_server_certificate, (address, HTTPS), timeout=10)
            assert pem
            roots = await eventually(lambda: published_roots(cluster), within=30)
            where = Endpoint(url=f"https://{address}:{HTTPS}", ca_bundle=base64.b64encode(roots.encode()).decode())
            await register(cluster, configurations.build_injection("default", where))

            async def is_called() -> bool:
                return is_injected(await tried(cluster, "configured", pod()))

            async def is_skipped() -> bool:
                return not await is_called()

            await eventually(is_called, within=30)
            changed = yaml.safe_dump(yaml.safe_load(data["config"]) | {"policy": "disabled"})
            await cluster.create(injector | {"data": {"config": changed}})
            await eventually(is_skipped, within=30)
            assert plane.lines("injector configuration is in force")


async def published_roots(cluster: TestCluster) -> str:
    """What the control plane tells everybody to trust."""
    try:
        found = await cluster.call("GET", "/api/v1/namespaces/istio-system/secrets/istio-ca-secret")
    except KubernetesError:
        return ""
    return base64.b64decode(found["data"]["ca-cert.pem"]).decode()


async def test_a_tag_gives_namespaces_its_revision(cluster: TestCluster, tmp_path: Path) -> None:
    await label(cluster, "tagged", {"istio.io/rev": "prod"})
    await label(cluster, "enabled", {"istio-injection": "enabled"})

    async def run(*arguments: str) -> str:
        given = [*arguments, "--kubeconfig", str(cluster.server.kubeconfig)]
        result = await asyncio.to_thread(CliRunner().invoke, tag, given)
        assert result.exit_code == 0, result.output
        return result.output

    async with control_plane(tmp_path) as plane:
        await register(cluster, installed(plane, "default"), installed(plane, "canary"))
        await run("set", "prod", "-r", "canary")
        await run("set", "default", "-r", "canary")

        async def is_canary(namespace: str) -> bool:
            return by_whom(await tried(cluster, namespace, pod())) == "canary"

        await eventually(lambda: is_canary("tagged"), within=30)
        await eventually(lambda: is_canary("enabled"), within=30)
        listed = await run("list")
        assert "the default revision is canary" in listed
        assert ["prod", "canary", "tagged"] in [line.split() for line in listed.splitlines()]
        await run("remove", "prod", "-y")

        async def is_left() -> bool:
            return not is_injected(await tried(cluster, "tagged", pod()))

        await eventually(is_left, within=30)
