"""Which TLS is spoken: names of suites, the compliance policies, and handshakes under them."""

import ssl
from dataclasses import replace

import pytest

from ca.authn.local_issuer import utc_now
from ca.errors import TlsPolicyError
from ca.serving import build_context, issue_serving
from ca.tls_policy import SUITES, TlsPolicy, parse_policy
from tests.ca.makers import ec_key, make_root


def handshake(policy: TlsPolicy, **client: ssl.TLSVersion) -> tuple[str, str]:
    """Version and suite that a usual client and a server under the policy agree on. Raises: ssl.SSLError."""
    now = utc_now()
    serving = issue_serving(make_root(ec_key(), now), ("localhost",), now=now, serial=3)
    caller = ssl.create_default_context(cadata=serving.roots)
    for name, value in client.items():
        setattr(caller, name, value)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = build_context(replace(serving, policy=policy)).wrap_bio(to_server, to_client, server_side=True)
    theirs = caller.wrap_bio(to_client, to_server, server_hostname="localhost")
    for end in (theirs, ours) * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    found = theirs.cipher()
    assert found is not None
    return str(theirs.version()), found[0]


def test_library_chooses_where_nothing_is_said() -> None:
    assert parse_policy() == (TlsPolicy(), ())
    assert handshake(TlsPolicy())[0] == "TLSv1.3"


def test_suites_are_named_as_in_go_and_those_of_tls_1_3_are_always_there() -> None:
    policy, warnings = parse_policy(["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"])
    assert (policy.suites, warnings) == (("ECDHE-ECDSA-AES256-GCM-SHA384",), ())
    found = handshake(policy, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert found == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")


@pytest.mark.parametrize("name", ["NONSENSE", "", "TLS_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-AES256-GCM-SHA384"])
def test_unknown_or_broken_suite_is_an_error(name: str) -> None:
    with pytest.raises(TlsPolicyError, match="tls-cipher-suites"):
        parse_policy([name])


def test_every_known_suite_is_one_of_this_library() -> None:
    for name in SUITES.values():
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(name)


def test_fips_pins_version_suites_and_curve_whatever_the_flag_says() -> None:
    policy, _ = parse_policy(["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"], "fips-140-2")
    version, suite = handshake(policy)
    assert (version, suite.startswith("ECDHE-ECDSA-AES")) == ("TLSv1.2", True)
    assert {each.partition("-AES")[2] for each in policy.suites} == {"128-GCM-SHA256", "256-GCM-SHA384"}
    with pytest.raises(ssl.SSLError):
        handshake(policy, minimum_version=ssl.TLSVersion.TLSv1_3)


def test_policy_that_cannot_be_kept_is_refused_and_an_unknown_one_is_a_warning() -> None:
    with pytest.raises(TlsPolicyError, match="X25519MLKEM768"):
        parse_policy(compliance="pqc")
    policy, (warning,) = parse_policy(compliance="iso")
    assert (policy, "'iso'; it has no effect" in warning) == (TlsPolicy(), True)
