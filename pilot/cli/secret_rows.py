"""Certificates in a configuration dump, as rows of a table.

In: a dump. Out: rows under istioctl's columns: what it is, whether it holds now, serial number, from when until when.
"""

import contextlib
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pilot.cli.envoy_dump import Json, Row, section

SECRETS: Final = ("RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE")
_STATES: Final = {
    "static_secrets": "ACTIVE",
    "dynamic_active_secrets": "ACTIVE",
    "dynamic_warming_secrets": "WARMING",
}


def secret_rows(dump: Json, now: datetime) -> list[Row]:
    """One for each secret; the first certificate of each counts."""
    part = section(dump, "SecretsConfigDump")
    return sorted(
        row for key, state in _STATES.items() for each in part.get(key, ()) for row in _rows(each, state, now)
    )


def roots(dump: Json) -> frozenset[bytes]:
    """Fingerprints of the roots that peers in the mesh are checked with."""
    part = section(dump, "SecretsConfigDump")
    found: set[bytes] = set()
    for each in (one for key in _STATES for one in part.get(key, ())):
        secret = each.get("secret", {})
        if (each.get("name") or secret.get("name")) == "ROOTCA":
            encoded = secret.get("validation_context", {}).get("trusted_ca", {}).get("inline_bytes", "")
            with contextlib.suppress(ValueError):
                pem = x509.load_pem_x509_certificates(b64decode(encoded))
                found.update(one.fingerprint(hashes.SHA256()) for one in pem)
    return frozenset(found)


def _rows(entry: Json, state: str, now: datetime) -> Iterator[Row]:
    secret = entry.get("secret", {})
    name = entry.get("name") or secret.get("name", "")
    for key, kind, field in (
        ("tls_certificate", "Cert Chain", "certificate_chain"),
        ("validation_context", "CA", "trusted_ca"),
    ):
        if key in secret:
            yield (name, kind, state, *_facts(secret[key].get(field, {}).get("inline_bytes", ""), now))
            return
    yield name, "Unknown" if secret else "", state if secret else "WARMING", "", "", "", ""


def _facts(encoded: str, now: datetime) -> tuple[str, str, str, str]:
    try:
        certificate = x509.load_pem_x509_certificates(b64decode(encoded))[0]
    except (ValueError, IndexError):
        return "false", "", "", ""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    valid = begins <= now <= ends
    return str(valid).lower(), f"{certificate.serial_number:x}", _instant(ends), _instant(begins)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
