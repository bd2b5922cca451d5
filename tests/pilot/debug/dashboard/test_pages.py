"""Pages that are tables."""

from dataclasses import replace
from datetime import timedelta

from pilot.debug.dashboard import pages
from pilot.debug.dashboard.gathering import Sources, gather
from pilot.debug.dashboard.rows import CertificateRow, Picture, WorkloadCertificate
from tests.pilot.debug.dashboard import scenes

NOW = scenes.NOW
DAY = timedelta(days=1)


def picture() -> Picture:
    mesh = scenes.mesh()
    connections = (scenes.connection(mesh), scenes.connection(mesh, number=2, error=f"bad {scenes.HOSTILE}"))
    return gather(Sources(lambda: mesh.snapshot, lambda: connections, lambda: scenes.PROBLEMS), NOW)()


def certificate(purpose: str, ends: timedelta) -> CertificateRow:
    return CertificateRow(purpose, "CN=a", "CN=b", NOW - DAY, NOW + ends, "ab" * 32)


def test_overview_counts_and_shows_what_wants_a_look() -> None:
    made = pages.overview(picture())
    assert "<strong>2</strong><span>proxies</span>" in made
    assert "1 refused" in made
    assert "1 error<" in made
    assert '<a href="/proxies/web-0.shop-2">' in made
    assert '<a href="/proxies/web-0.shop-1">' not in made


def test_overview_of_an_empty_mesh_says_so() -> None:
    made = pages.overview(Picture(NOW))
    assert "none connected" in made
    assert "all in sync" in made
    assert "none known" in made


def test_problems_have_object_field_and_place_and_are_escaped() -> None:
    made = pages.problems(picture())
    assert all(word in made for word in ("Gateway shop/web", "spec.servers[0].port", "a.yaml:7"))
    assert scenes.HOSTILE not in made
    assert "&lt;script&gt;" in made


def test_services_say_who_calls_them_and_what_leads_nowhere() -> None:
    made = pages.services(picture())
    assert "2 of 3" in made
    assert made.count("no such service") == 1  # ratings
    assert "75 %" in made
    assert "reviews.shop" not in pages.services(picture(), "elsewhere")


def test_certificates_that_end_soon_or_have_ended_are_marked() -> None:
    rows = (certificate("root", 400 * DAY), certificate("leaf", 3 * DAY), certificate("old", -DAY))
    workloads = (WorkloadCertificate("spiffe://a/ns/b/sa/c", "web-0.b", NOW + 20 * DAY),)
    made = pages.certificates(Picture(NOW, certificates=rows, workloads=workloads))
    assert made.count(">soon<") == made.count(">expired<") == 1
    assert "spiffe://a/ns/b/sa/c" in made
    assert "none issued yet" in pages.certificates(Picture(NOW))


def test_search_finds_what_has_all_words_anywhere() -> None:
    found = replace(picture(), certificates=(certificate("root", DAY),))
    made = pages.search(found, "REVIEWS shop")
    assert "<h2>Services</h2>" in made
    assert "<h2>Who calls whom</h2>" in made
    assert "<h2>Certificates</h2>" not in made
    assert "<h2>Certificates</h2>" in pages.search(found, "abab")
    assert "<h2>Proxies</h2>" in pages.search(found, "refused")
    assert ">0 found." in pages.search(found, "nothing-like-this")
    assert "Words to look for" in pages.search(found, "")


def test_long_tables_are_cut_and_say_so() -> None:
    some = picture()
    many = replace(some, problems=some.problems * 300)
    assert "100 more" in pages.problems(many)
