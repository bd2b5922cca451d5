"""The self-signed root in a Secret of Kubernetes, where all replicas of the control plane find the same one.

Comes in: an API server, a namespace. Goes out: the `Bundle` in the Secret, created first where there is none; whoever
creates it first wins, the others take that one. A Secret that is there and broken is an error: a new root in its place
would cut off every workload that trusts the old one.

Source: CA behaviour 1.7.
"""

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ca import bundle, plugged_in, signer, template, validate
from ca.bundle import Bundle
from ca.errors import BundleError, CaError, KubernetesError
from ca.kubernetes_api import KubernetesApi
from ca.rollover import stages
from ca.rollover.secret_store import decode_record
from ca.state_directory import StateDirectory

SECRET, PLUGGED_IN_SECRET = "istio-ca-secret", "cacerts"
SECRET_TYPE = "istio.io/ca-root"
GENERATED_MARK = "istio-generated"
GIVE_UP = timedelta(minutes=20)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")

_log = logging.getLogger("ca")


async def copy_plugged_in(api: KubernetesApi, namespace: str, directory: Path) -> None:
    """Writes the Secret `cacerts` into a directory whose files are incomplete (USE_REMOTE_CERTS); none is no error.

    Raises: KubernetesError; StateError where it cannot be written, a read-only mount, say.
    """
    with suppress(BundleError):
        if plugged_in.is_plugged_in(directory):
            return
    try:
        found = await api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{PLUGGED_IN_SECRET}")
    except KubernetesError as error:
        if error.status == 404:
            return
        raise
    state = StateDirectory(directory)
    for name, content in (found.get("data") or {}).items():
        try:
            decoded = base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise BundleError(f"secret {PLUGGED_IN_SECRET}: {str(name)[:80]!r} is unreadable") from error
        if _FILE.fullmatch(name):
            await asyncio.to_thread(state.write, name, decoded)


class SecretRootStore:
    """The root of one control plane's namespace."""

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        clock: Callable[[], datetime],
        *,
        uses_plugged_in_secret: bool = False,
        extra_roots: str = "",
    ) -> None:
        """`uses_plugged_in_secret`: USE_CACERTS_FOR_SELF_SIGNED_CA, a new root goes into `cacerts`. `extra_roots`: PEM
        that is trusted as well.
        """
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/secrets"
        self._clock = clock
        self._uses_plugged_in = uses_plugged_in_secret
        self._extra_roots = extra_roots
        self._name = SECRET

    @property
    def path(self) -> str:
        """Of the Secret at the API server."""
        return f"{self._path}/{self._name}"

    async def load(self) -> Bundle:
        """What is stored now. Raises: KubernetesError, BundleError."""
        found = await self._read()
        if found is None:
            raise BundleError(f"secret {self._name}: expected it, got none")
        return self._decode(found)

    async def load_or_create(
        self, organization: str, *, new_serial: Callable[[], int], lifetime: timedelta, rsa_bits: int = 2048
    ) -> Bundle:
        """The root in the Secret; made and stored where there is none. Tries for twenty minutes.

        Raises: CaError, the last one.
        """
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE
        deadline = loop.time() + GIVE_UP.total_seconds()
        while True:
            try:
                found = await self._read()
                if found is None:
                    made = await asyncio.to_thread(self._make, organization, new_serial(), lifetime, rsa_bits)
                    found = await self._api.call("POST", self._path, self._secret(made))
                return self._decode(found)
            except KubernetesError as error:
                # A conflict is another replica that was faster: the next look finds its root.
                if loop.time() + pause > deadline:
                    raise
                _log.warning(f"secret {self._name} with the root: the next attempt is in {pause:.1f} s: {error}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def save(self, renewed: Bundle) -> None:
        """Replaces what is stored; where another replica has done so meanwhile, that is an error and theirs stays.

        Raises: KubernetesError.
        """
        before = await self._read()
        if before is None:
            raise BundleError(f"secret {self._name}: expected it, got none")
        after = self._secret(replace(renewed, roots=bundle.encode_certificate(renewed.certificate)))
        after["metadata"] = before["metadata"]  # with its resourceVersion: a conflict is seen
        after["data"] = {**(before.get("data") or {}), **after["data"]}  # what a change of root left there stays
        await self._api.call("PUT", f"{self._path}/{self._name}", after)

    async def _read(self) -> Any:
        """The Secret, None where there is none; remembers which of the two it is."""
        names = (SECRET, PLUGGED_IN_SECRET) if self._uses_plugged_in else (SECRET,)
        for name in names:
            self._name = name
            try:
                return await self._api.call("GET", f"{self._path}/{name}")
            except KubernetesError as error:
                if error.status != 404:
                    raise
        return None

    def _make(self, organization: str, serial: int, lifetime: timedelta, rsa_bits: int) -> Bundle:
        key = rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
        now = self._clock()
        meant = template.build_root(organization, key.public_key(), lifetime, now=now, serial=serial)
        root = signer.sign(meant, key)
        validate.check(root, meant, root)
        pem = bundle.encode_certificate(root).encode()
        return bundle.decode_bundle(pem, bundle.encode_private_key(key), b"", pem, now=now)

    def _secret(self, made: Bundle) -> dict[str, Any]:
        certificate = bundle.encode_certificate(made.certificate).encode()
        data = {
            "ca-cert.pem": certificate,
            "ca-key.pem": bundle.encode_private_key(made.key.reveal()),
            "root-cert.pem": certificate,
            "cert-chain.pem": b"",
            "key.pem": b"",
        }
        if self._name == PLUGGED_IN_SECRET:
            data[GENERATED_MARK] = b""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self._name},
            "type": SECRET_TYPE,
            "data": {name: base64.b64encode(content).decode() for name, content in data.items()},
        }

    def _decode(self, secret: Any) -> Bundle:
        try:
            data: Mapping[str, str] = secret["data"]
            certificate, key = (base64.b64decode(data[name], validate=True) for name in ("ca-cert.pem", "ca-key.pem"))
        except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
            raise BundleError(f"secret {self._name}: expected ca-cert.pem and ca-key.pem, got not both") from error
        roots = certificate.rstrip() + b"\n" + self._extra_roots.encode()
        try:
            rollover = decode_record(data)
            if rollover is not None and not rollover.is_over:
                return stages.bundle_of(rollover, now=self._clock())
            return bundle.decode_bundle(certificate, key, b"", roots, now=self._clock())
        except CaError as error:
            raise BundleError(f"secret {self._name}: {error}") from error
