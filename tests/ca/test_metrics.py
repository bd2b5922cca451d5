from datetime import timedelta

from ca.authority import Authority
from ca.bundle import decode_bundle, encode_certificate, encode_private_key
from ca.errors import CsrError, LifetimeError
from ca.metrics import CaMetrics
from tests.ca.makers import NOON, YEARS, ec_key, make_intermediate, make_root, rsa_key

ROOT = make_root(rsa_key())


def samples(metrics: CaMetrics) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("error", "")): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }


def test_series_appears_with_its_first_event() -> None:
    metrics = CaMetrics(Authority(None))
    assert samples(metrics) == {}
    metrics.requested()
    metrics.failed(CsrError("bad"))
    metrics.failed(CsrError("bad"))
    metrics.failed(LifetimeError("long"))
    assert samples(metrics) == {
        ("citadel_server_csr_count", ""): 1,
        ("citadel_server_csr_sign_err_count", "CSR_ERROR"): 2,
        ("citadel_server_csr_sign_err_count", "TTL_ERROR"): 1,
    }


def test_root_expiry_is_shown_absolute_and_remaining() -> None:
    metrics = CaMetrics(Authority(ROOT, clock=lambda: NOON + timedelta(days=1)))
    assert samples(metrics) == {
        ("citadel_server_root_cert_expiry_timestamp", ""): (NOON + YEARS).timestamp(),
        ("citadel_server_root_cert_expiry_seconds", ""): (YEARS - timedelta(days=1)).total_seconds(),
    }


def test_chain_expiry_is_shown_where_there_is_a_chain() -> None:
    pem = encode_certificate(make_intermediate(ROOT, ec_key())).encode()
    plugged = decode_bundle(pem, encode_private_key(ec_key()), pem, ROOT.roots.encode(), now=NOON)
    shown = samples(CaMetrics(Authority(plugged, clock=lambda: NOON + timedelta(days=31))))
    assert shown["citadel_server_cert_chain_expiry_seconds", ""] == -timedelta(days=1).total_seconds()
    assert shown["citadel_server_cert_chain_expiry_timestamp", ""] == (NOON + timedelta(days=30)).timestamp()
