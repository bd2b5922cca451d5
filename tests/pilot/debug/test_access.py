"""Who may see debug pages."""

import pytest

from pilot.debug.access import Access, Refused
from pilot.debug.console import Entry
from pilot.operating import DebugSettings

ROOT = "spiffe://td/ns/istio-system/sa/default"
SHOP = "spiffe://td/ns/shop/sa/web"
SECRET = Entry("configz", "", lambda _: [])
OPEN = Entry("config_dump", "", lambda _: [], open_to_all=True)


def access(**settings: object) -> Access:
    return Access(DebugSettings(**settings), lambda: "istio-system")  # type: ignore[arg-type]  # whatever a test wants


def test_the_root_namespace_sees_everything() -> None:
    assert access().admit(SECRET, (ROOT,)) == ""


def test_others_see_what_is_open_to_all_of_their_own_namespace() -> None:
    assert access().admit(OPEN, (SHOP,)) == "shop"
    with pytest.raises(Refused, match="namespace shop may not see it"):
        access().admit(SECRET, (SHOP,))
    with pytest.raises(Refused):
        access().admit(None, (SHOP,))


def test_allowed_namespaces_see_all_pages_but_proxies_of_their_own_only() -> None:
    assert access(allowed=("kiali", "shop")).admit(SECRET, (SHOP,)) == "shop"


def test_whoever_is_somebody_sees_everything_where_namespaces_do_not_count() -> None:
    assert access(by_namespace=False).admit(SECRET, (SHOP,)) == ""


@pytest.mark.parametrize("identities", [(), ("somebody",), ("spiffe://td/ns//sa/x",), (f"{ROOT}/more",)])
def test_who_has_no_namespace_sees_nothing(identities: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="no identity of a namespace"):
        access().admit(OPEN, identities)
