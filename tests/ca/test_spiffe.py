import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.errors import InvalidIdError
from ca.spiffe import SpiffeId, TrustDomain, parse_spiffe_id, parse_trust_domain

NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,60}", fullmatch=True).filter(lambda text: text not in (".", ".."))
DOMAINS = st.from_regex(r"[a-z0-9._-]{1,60}", fullmatch=True)


@given(DOMAINS, NAMES, NAMES)
def test_id_reads_what_it_prints(domain: str, namespace: str, account: str) -> None:
    made = SpiffeId(TrustDomain(domain), namespace, account)
    assert parse_spiffe_id(str(made)) == made


@given(st.text())
def test_whatever_parses_prints_itself(text: str) -> None:
    for candidate in (text, f"spiffe://{text}", f"spiffe://cluster.local/ns/{text}/sa/x"):
        try:
            parsed = parse_spiffe_id(candidate)
        except InvalidIdError:
            continue
        assert str(parsed) == candidate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://",
        "spiffe://cluster.local",
        "spiffe://cluster.local/ns/a/sa",
        "spiffe://cluster.local/ns/a/sa/b/c",
        "spiffe://cluster.local/ns/a/sa/b/",
        "spiffe://cluster.local//ns/a/sa/b",
        "spiffe://cluster.local/NS/a/sa/b",
        "spiffe://cluster.local/sa/a/ns/b",
        "spiffe://cluster.local/ns//sa/b",
        "spiffe://cluster.local/ns/../sa/b",
        "spiffe://cluster.local/ns/a/sa/b?x=y",
        "spiffe://cluster.local/ns/a/sa/b#x",
        "spiffe://cluster.local/ns/a/sa/%62",
        "spiffe://cluster.local:8080/ns/a/sa/b",
        "spiffe://user@cluster.local/ns/a/sa/b",
        "spiffe://Cluster.local/ns/a/sa/b",
        "SPIFFE://cluster.local/ns/a/sa/b",
        "https://cluster.local/ns/a/sa/b",
        "spiffe://cluster.local/ns/a/sa/b\n",
        "spiffe://cluster.local/ns/a/sa/\u0131",
        f"spiffe://cluster.local/ns/{'a' * 1100}/sa/{'b' * 1100}",
    ],
)
def test_text_that_is_not_exactly_an_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdError):
        parse_spiffe_id(text)


def test_at_sign_in_a_trust_domain_counts_as_a_dot() -> None:
    assert parse_trust_domain("someone@example.com") == TrustDomain("someone.example.com")


@pytest.mark.parametrize("text", ["", "a/b", "a b", "Ä", "a" * 256, "a:1"])
def test_trust_domain_has_only_its_characters(text: str) -> None:
    with pytest.raises(InvalidIdError):
        parse_trust_domain(text)
