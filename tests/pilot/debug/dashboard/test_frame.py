"""What every page has."""

from pilot.debug.dashboard.frame import POLICY, SECTIONS, page


def test_page_names_itself_and_marks_its_section() -> None:
    made = page("A <b>", "/proxies", "body & soul")
    assert made.startswith("<!doctype html><html")
    assert "<title>A &lt;b&gt; · meshpilot</title>" in made
    assert '<a href="/proxies" aria-current="page">Proxies</a>' in made
    assert made.count("aria-current") == 1
    assert "body &amp; soul" in made


def test_every_section_can_be_reached_and_the_search_keeps_its_words() -> None:
    made = page("Search", "/search", query='a"b')
    assert all(f'href="{path}"' in made for path in SECTIONS)
    assert 'value="a&quot;b"' in made
    assert 'href="#content"' in made


def test_nothing_is_inline_or_from_elsewhere() -> None:
    made = page("A", "/")
    assert " style=" not in made
    assert "<style" not in made
    assert "http:" not in made
    assert "https:" not in made
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
