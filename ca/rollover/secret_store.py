"""Where a change of root is written down in Kubernetes: in the Secret that holds the root, beside it.

Comes in: a `Rollover`. Goes out: the same, to every replica. One write changes the record, the certificate, its key and
what is trusted, all or nothing; and only if nobody has written since we have looked (`resourceVersion`) and the record
is the one that we knew: of two replicas that enter a stage one succeeds, the other follows it.

Source: issue "certificate authority", part 5; CA behaviour 1.7 (names in the Secret).
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from ca.errors import KubernetesError, RolloverError
from ca.kubernetes_api import KubernetesApi
from ca.rollover import stages
from ca.rollover.stages import Rollover

RECORD = "ca-rollover.json"


def decode_record(data: Mapping[str, str]) -> Rollover | None:
    """From the data of the Secret; None where no root was ever changed. Raises: RolloverError."""
    if RECORD not in data:
        return None
    try:
        return stages.decode(base64.b64decode(data[RECORD], validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise RolloverError(f"{RECORD}: expected base64") from error


class SecretRolloverStore:
    """In the Secret of the root."""

    def __init__(self, api: KubernetesApi, path: Callable[[], str]) -> None:
        """`path`: of the Secret at the API server."""
        self._api = api
        self._path = path
        self._known: Rollover | None = None

    async def load(self) -> Rollover | None:
        """What was saved last, by anybody. Raises: KubernetesError, RolloverError."""
        found = await self._api.call("GET", self._path())
        self._known = decode_record(found.get("data") or {})
        return self._known

    async def save(self, rollover: Rollover) -> None:
        """From now on this is the truth, for all replicas.

        Raises: KubernetesError, RolloverError where another replica was faster; then what was saved before still is.
        """
        signing = rollover.signing
        wanted = {
            RECORD: stages.encode(rollover),
            "ca-cert.pem": signing.certificate.encode(),
            "ca-key.pem": signing.key.encode(),
            "root-cert.pem": "".join(rollover.trusted).encode(),
        }
        await self._write({name: base64.b64encode(content).decode() for name, content in wanted.items()})
        self._known = rollover

    async def bring_in_line(self, rollover: Rollover) -> None:
        """It is: everything was one write."""

    async def forget(self) -> None:
        """Removes it, with the key of the root that is no longer trusted. Raises: KubernetesError, RolloverError."""
        await self._write({RECORD: None})
        self._known = None

    async def _write(self, changes: Mapping[str, str | None]) -> None:
        found: Any = await self._api.call("GET", self._path())
        data = found.get("data") or {}
        if decode_record(data) != self._known:
            raise RolloverError("another control plane has just gone on with the change of root")
        merged = {name: content for name, content in {**data, **changes}.items() if content is not None}
        try:
            await self._api.call("PUT", self._path(), {**found, "data": merged})
        except KubernetesError as error:
            if error.status == 409:
                raise RolloverError("the root's secret has just been written by somebody else") from error
            raise
