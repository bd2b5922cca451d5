"""One certificate from a signer behind Kubernetes' CSR API: ask, approve, wait, tidy up.

Comes in: a request as PEM, the signer's name, usages. Goes out: the PEM that the signer made. Decides nothing about who
may have what: see `ca.registration` and `ca.kubernetes_serving`.

Source: CA behaviour 1.10 "Flow".
"""

import asyncio
import base64
import binascii
import logging
from typing import Any

from ca.errors import GenerationError, KubernetesError
from ca.kubernetes_api import KubernetesApi

WAIT_SECONDS = 60.0
_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_MIN_SECONDS = 600
"""The least that the API server accepts."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

_log = logging.getLogger("ca")


async def request_certificate(
    api: KubernetesApi, pem: str, signer: str, usages: tuple[str, ...], seconds: int
) -> bytes:
    """What the signer made; `seconds`: of life, zero for the signer's own choice. Raises: GenerationError."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await _request(api, pem, signer, usages, seconds)
    except TimeoutError as error:
        raise GenerationError(f"signer {signer} did not answer in {WAIT_SECONDS:.0f} s") from error
    except KubernetesError as error:
        raise GenerationError(f"signer {signer}: {error}") from error


async def _request(api: KubernetesApi, pem: str, signer: str, usages: tuple[str, ...], seconds: int) -> bytes:
    spec: dict[str, Any] = {
        "request": base64.b64encode(pem.encode()).decode(),
        "signerName": signer,
        "usages": list(usages),
    }
    if seconds > 0:
        spec["expirationSeconds"] = max(seconds, _MIN_SECONDS)
    body = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-workload-"},
        "spec": spec,
    }
    made = await api.call("POST", _PATH, body)
    path = f"{_PATH}/{made['metadata']['name']}"
    try:
        message = "the certificate authority has authenticated the caller"
        approved = {"type": "Approved", "status": "True", "reason": "IdentityProven", "message": message}
        made["status"] = {"conditions": [approved]}
        await api.call("PUT", f"{path}/approval", made)
        return await _signed(api, path)
    finally:
        await _remove(api, path)


async def _signed(api: KubernetesApi, path: str) -> bytes:
    """Looks until the certificate is there: soon at first, every second in the end."""
    pause = _FIRST_PAUSE
    while True:
        status = (await api.call("GET", path)).get("status") or {}
        if status.get("certificate"):
            try:
                return base64.b64decode(status["certificate"], validate=True)
            except (binascii.Error, ValueError, TypeError) as error:
                raise GenerationError("signer's certificate is unreadable") from error
        for each in status.get("conditions") or ():
            if each.get("type") in ("Denied", "Failed"):
                raise GenerationError(f"signer refused: {each.get('reason', '')}: {each.get('message', '')[:200]}")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _remove(api: KubernetesApi, path: str) -> None:
    try:
        await asyncio.shield(api.call("DELETE", path))
    except KubernetesError as error:
        _log.warning(f"certificate signing request is left behind: {error}")
