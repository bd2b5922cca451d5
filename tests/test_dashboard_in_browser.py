"""The dashboard as a real browser shows it: keyboard, light and dark, without scripts, and nothing from elsewhere."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from pilot.debug.dashboard.front import Dashboard
from pilot.debug.dashboard.gathering import Sources
from tests import browser
from tests.pilot.debug.dashboard import scenes
from tests.pilot.view.proxies import proxy

pytestmark = [pytest.mark.browser, pytest.mark.timeout(browser.INSTALL_SECONDS + 120)]
PATHS = (
    "/",
    "/proxies",
    "/services",
    "/problems",
    "/pushes",
    "/certificates",
    "/search?q=shop",
    "/proxies/web-0.shop-1",
)


@dataclass
class Opened:
    """A page of the shop's dashboard, and what went wrong in it."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every address that the browser asked for."""

    async def go(self, path: str) -> None:
        await self.page.goto(self.address + path)

    async def focused(self) -> str:
        return str(await self.page.evaluate("document.activeElement.textContent || document.activeElement.name"))


@contextlib.asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Opened]:
    mesh, application = scenes.mesh(), web.Application()
    connections = (
        scenes.connection(mesh),
        scenes.connection(mesh, proxy("reviews-0", "shop", "10.1.0.2"), 2, error=f"bad cluster {scenes.HOSTILE}"),
    )
    sources = Sources(lambda: mesh.snapshot, lambda: connections, lambda: scenes.PROBLEMS)
    Dashboard(sources, lambda by: scenes.held(mesh, by), now=lambda: scenes.NOW).add_to(application)
    async with TestServer(application) as server, browser.running(browser.chromium()) as chromium:
        context = await chromium.new_context(**settings)
        made = Opened(await context.new_page(), str(server.make_url("/")).rstrip("/"))
        made.page.on("console", lambda message: made.wrong.append(message.text))
        made.page.on("pageerror", lambda error: made.wrong.append(str(error)))
        made.page.on("dialog", lambda dialog: made.wrong.append(dialog.message))
        made.page.on("request", lambda request: made.asked.append(request.url))
        yield made


async def test_pages_show_no_error_and_ask_nobody_else() -> None:
    async with opened() as it:
        for path in PATHS:
            await it.go(path)
            assert await it.page.locator("main h1").count() == 1, path
        assert it.wrong == []
        assert it.asked
        assert [each for each in it.asked if not each.startswith((it.address, "data:"))] == []


async def test_what_a_proxy_said_is_shown_and_not_run() -> None:
    async with opened() as it:
        await it.go("/proxies/reviews-0.shop-2")
        assert scenes.HOSTILE in await it.page.locator("main").inner_text()
        assert await it.page.locator("main script").count() == 0
        assert it.wrong == []


async def test_a_keyboard_is_enough() -> None:
    async with opened() as it:
        await it.go("/")
        keyboard = it.page.keyboard
        await keyboard.press("Tab")
        assert await it.focused() == "Skip to content"
        await keyboard.press("Enter")
        assert await it.page.evaluate("document.activeElement.id") == "content"
        await it.go("/")
        for _ in range(3):
            await keyboard.press("Tab")
        assert await it.focused() == "Proxies"
        await keyboard.press("Enter")
        await it.page.wait_for_url("**/proxies")
        await it.page.locator("main tbody a").first.focus()
        await keyboard.press("Enter")
        await it.page.wait_for_url("**/proxies/reviews-0.shop-2")
        await it.page.locator("header input").focus()
        await keyboard.type("jason")
        await keyboard.press("Enter")
        await it.page.wait_for_url("**/search?q=jason")
        assert await it.page.locator("[role=status]").inner_text() == "0 found."


async def test_tables_sort_by_keyboard_both_ways() -> None:
    async with opened() as it:
        await it.go("/proxies")
        heading = it.page.locator("thead th").first
        for wanted, first in (("ascending", "reviews-0.shop"), ("descending", "web-0.shop")):
            await heading.locator("button").press("Enter")
            assert await heading.get_attribute("aria-sort") == wanted
            assert await it.page.locator("tbody th").first.inner_text() == first
        assert it.wrong == []


async def test_without_scripts_everything_is_there() -> None:
    async with opened(java_script_enabled=False) as it:
        await it.go("/")
        await it.page.locator("header input").fill("reviews")
        await it.page.locator("header button").click()
        await it.page.wait_for_url("**/search?q=reviews")
        assert await it.page.locator("tbody tr").count() > 3
        await it.go("/proxies/web-0.shop-1?q=v2")
        assert await it.page.get_by_text("VirtualService shop/reviews").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read_in_light_and_dark(scheme: str) -> None:
    async with opened(color_scheme=scheme) as it:
        for path in PATHS:
            await it.go(path)
            poor = await it.page.evaluate(CONTRAST)
            assert poor == [], path
        ground = await it.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 23, 29)")


async def test_a_telephone_scrolls_down_only() -> None:
    async with opened(viewport={"width": 380, "height": 700}) as it:
        for path in PATHS:
            await it.go(path)
            assert await it.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


CONTRAST = """() => {
  const light = ([r, g, b]) => {
    const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = numbers(getComputedStyle(node).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    if (![...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim())) continue;
    const [one, other] = [light(numbers(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5 && !node.closest("svg")) found.push(`${node.textContent.trim()}: ${ratio.toFixed(1)}`);
  }
  return found;
}"""
"""Texts whose contrast with what is behind them is less than what WCAG AA asks."""
