"""A target for atheris: bytes become a CSR, a token, headers and messages, and end in an answer or a refusal of ours.

    PYTHONPATH=.:generated python -m tests.fuzzing -runs=20000

Comes in: bytes of the fuzzer's choice. Goes out: nothing, or an exception that is a bug. `refused` is what tests
without a fuzzer use as well.
"""

import base64
import importlib
import sys
from collections.abc import Callable

from ca import csr
from ca.authn import forwarded, key_sets, signed_token
from ca.errors import CaError
from ca.rollover import following
from ca.service import decode_request
from ca.spiffe import parse_spiffe_id
from ca.spiffe_bundle import decode_bundle


def block(data: bytes) -> str:
    """Bytes as a PEM block."""
    text = base64.b64encode(data).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"


TARGETS: tuple[Callable[[bytes], object], ...] = (
    lambda data: csr.decode_csr(data.decode("latin-1")),
    lambda data: csr.decode_csr(block(data)),
    lambda data: signed_token.decode_header(data.decode("utf-8", "surrogateescape")),
    lambda data: signed_token.unproven_issuer(data.decode("utf-8", "surrogateescape")),
    lambda data: signed_token.unproven_expiry(data.decode("utf-8", "surrogateescape")),
    lambda data: signed_token.unproven_audience(data.decode("utf-8", "surrogateescape")),
    lambda data: forwarded.parse_names(data.decode("latin-1")),
    lambda data: parse_spiffe_id(data.decode("latin-1")),
    key_sets.decode_key_set,
    decode_bundle,
    decode_request,
    following.decode_report,
)
"""Everything that reads what a stranger sent."""


def refused(target: Callable[[bytes], object], data: bytes) -> bool:
    """Whether it was refused, in the way that it should be. Raises: whatever should not be raised."""
    try:
        target(data)
    except CaError:
        return True
    return False


def one_input(data: bytes) -> None:
    """The first byte chooses the target."""
    if data:
        refused(TARGETS[data[0] % len(TARGETS)], data[1:])


def main() -> None:
    """Until the fuzzer has done its runs."""
    atheris = importlib.import_module("atheris")  # not among our dependencies: a compiler's runtime
    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
