"""Pages of proxies."""

from dataclasses import replace

from pilot.debug.dashboard import proxy_pages
from pilot.debug.dashboard.explained import Explained, RouteRow, explain
from pilot.debug.dashboard.gathering import proxy_row
from pilot.debug.dashboard.rows import Picture
from tests.pilot.debug.dashboard import scenes

NOW = scenes.NOW
MESH = scenes.mesh()
GOOD = scenes.connection(MESH)
EXPLAINED = explain(scenes.held(MESH, GOOD))


def test_the_worst_come_first_and_a_state_chooses() -> None:
    bad = proxy_row(scenes.connection(MESH, number=2, error="no"))
    picture = Picture(NOW, (proxy_row(GOOD), bad))
    made = proxy_pages.proxies(picture)
    assert made.index("web-0.shop-2") < made.index("web-0.shop-1")
    assert "web-0.shop-1" not in proxy_pages.proxies(picture, "refused")
    assert '<a href="/proxies?state=refused" aria-current="page">' in proxy_pages.proxies(picture, "refused")


def test_many_proxies_are_turned_over_page_by_page() -> None:
    row = proxy_row(GOOD)
    picture = Picture(NOW, tuple(replace(row, connection=f"p-{i:04}") for i in range(401)))
    first, last = proxy_pages.proxies(picture), proxy_pages.proxies(picture, number=99)
    assert "page 1 of 3" in first
    assert "page=2" in first
    assert "previous" not in first
    assert "p-0400" in last
    assert "next" not in last


def test_a_proxy_says_who_it_is_what_it_accepted_and_why_it_has_what_it_has() -> None:
    row = proxy_row(scenes.connection(MESH, error=f"cluster refused {scenes.HOSTILE}"))
    made = proxy_pages.proxy(row, EXPLAINED, NOW)
    assert "none proven" in made
    assert "cluster refused &lt;script&gt;" in made
    assert scenes.HOSTILE not in made
    assert "/debug/config_dump?proxyID=web-0.shop-1" in made
    assert "VirtualService shop/reviews" in made
    assert "2 of 2" in made


def test_links_between_listeners_routes_and_clusters_lead_somewhere() -> None:
    made = proxy_pages.proxy(proxy_row(GOOD), EXPLAINED, NOW)
    anchor = "cluster-outbound-9080-v2-reviews-shop-svc-cluster-local"
    assert f'href="#{anchor}"' in made
    assert made.count(f'id="{anchor}"') == 1
    assert 'href="#route-9080"' in made
    assert made.count('id="route-9080"') == 1


def test_a_filter_leaves_rows_with_the_text_only() -> None:
    made = proxy_pages.proxy(proxy_row(GOOD), EXPLAINED, NOW, "jason-is-not-here")
    assert "Clusters: none." in made
    assert "outbound|9080|v2" in proxy_pages.proxy(proxy_row(GOOD), EXPLAINED, NOW, "REVIEWS")


def test_long_tables_and_lists_of_hosts_are_cut_and_say_so() -> None:
    route = RouteRow("80", ("a", "b", "c", "d"), "/*", "answers 503", (), "")
    made = proxy_pages.proxy(proxy_row(GOOD), Explained(routes=(route,) * 500), NOW)
    assert "100 more" in made
    assert "a, b, c and 1 more" in made
    assert "answers 503" in made


def test_an_unknown_proxy_is_said_to_be_elsewhere() -> None:
    assert "another replica" in proxy_pages.unknown("<x>")
