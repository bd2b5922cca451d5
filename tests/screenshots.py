"""Takes the pictures of the dashboard that the documents show: `make screenshots`.

In: the example mesh, played by real Envoys, and a browser. Out: `docs/images/*.png`. No test; it needs what `make run`
needs and Chromium.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

import aiohttp
from playwright.async_api import Browser, Page

from pilot.demo.cast import read_cast
from pilot.demo.stage import Place, Stage, control_plane_address, play
from tests import browser
from tests.shared import ROOT

EXAMPLE: Final = ROOT / "examples" / "bookinfo"
IMAGES: Final = ROOT / "docs" / "images"
SIZE: Final = {"width": 1200, "height": 760}


async def main() -> int:
    """0, or 1 where there is no browser."""
    chromium = browser.find()
    if chromium is None:
        print("no Chromium on the PATH: make browser", file=sys.stderr)
        return 1
    logging.disable()  # what proxies say when they end is no news
    cast = read_cast(EXAMPLE / "mesh")
    with tempfile.TemporaryDirectory() as work:
        async with play(cast, Place(EXAMPLE / "mesh", EXAMPLE / "app", Path(work)), print) as stage:
            await _some_traffic(stage)
            async with browser.running(chromium) as running:
                for scheme in ("light", "dark"):
                    await _take(running, f"http://{control_plane_address(cast)}:15014", scheme)
    return 0


async def _some_traffic(stage: Stage) -> None:
    """So that the proxies have been through everything."""
    gateway = next(each for each in stage.cast if each.kind.value == "router")
    async with aiohttp.ClientSession(trust_env=False) as session:
        for _ in range(5):
            async with session.get(f"http://{gateway.address}:8080/productpage") as answer:
                await answer.read()
    await asyncio.sleep(12)  # two samples of what is pushed


async def _take(running: Browser, address: str, scheme: str) -> None:
    context = await running.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": SIZE["width"], "height": SIZE["height"]},
    )
    page = await context.new_page()
    await page.goto(f"{address}/proxies")
    names = await page.locator("main tbody a").all_inner_texts()
    one = next(each for each in names if each.startswith("productpage"))
    for name, place in (("proxies", "/proxies"), ("services", "/services")):
        await page.goto(address + place)
        await _shoot(page, f"{name}-{scheme}")
    await page.goto(f"{address}/proxies")
    await page.get_by_role("link", name=one).click()
    await _shoot(page, f"proxy-{scheme}")


async def _shoot(page: Page, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"{name}.png"
    await page.screenshot(path=path)
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
