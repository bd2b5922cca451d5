"""Nothing but markup of ours is markup."""

from datetime import UTC, datetime, timedelta

import pytest

from pilot.debug.dashboard import markup
from pilot.debug.dashboard.markup import Html, tag

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("p", "<b>&", tag("i", "x"), ["a", ["b"], None, 3]) == "<p>&lt;b&gt;&amp;<i>x</i>ab3</p>"


def test_attributes_are_escaped_and_spelled_as_html_does() -> None:
    made = tag("a", "x", href='"><script>', class_="c", aria_current=None, hidden=True, data_x=1)
    assert made == '<a href="&quot;&gt;&lt;script&gt;" class="c" hidden data-x="1">x</a>'


def test_void_elements_have_no_end() -> None:
    assert tag("input", name="q") == '<input name="q">'


def test_links_quote_path_and_query() -> None:
    assert markup.link("/proxies/a b", "x", q="<&", empty="") == '<a href="/proxies/a%20b?q=%3C%26">x</a>'


def test_first_cell_of_a_row_is_its_heading_and_no_rows_are_said_in_words() -> None:
    made = markup.table("Things", ("Name", "Size"), [("a", 1)])
    assert '<tr><th scope="row">a</th><td>1</td></tr>' in made
    assert "<caption>Things</caption>" in made
    assert "Things: nothing here." in markup.table("Things", ("Name",), [], empty="nothing here")


def test_pairs_without_a_value_are_left_out() -> None:
    assert markup.pairs({"a": "1", "b": "", "c": None}) == "<dl><dt>a</dt><dd>1</dd></dl>"


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-1), "in 1 s"),
        (timedelta(0), "0 s ago"),
        (timedelta(milliseconds=-5), "0 s ago"),
        (timedelta(seconds=119), "1 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=40), "40 days ago"),
    ],
)
def test_times_are_told_by_their_largest_unit(age: timedelta, words: str) -> None:
    assert f">{words}</time>" in markup.since(NOW - age, NOW)


def test_no_time_is_no_element() -> None:
    assert markup.since(None, NOW) == Html("")


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1200, "1.2 kB"), (3.4e6, "3.4 MB"), (2e9, "2.0 GB")]
)
def test_bytes_for_people(size: float, words: str) -> None:
    assert markup.amount(size) == words


def test_a_badge_says_its_word() -> None:
    assert markup.badge("ok", "good") == '<span class="badge good">ok</span>'
    assert markup.joined(("a", markup.badge("b"))) == 'a<span class="badge">b</span>'
