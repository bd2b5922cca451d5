"""productpage: what a visitor sees. Asks details and reviews, and says which version of reviews answered."""

from html import escape
from typing import Any

from aiohttp import ClientError, web
from workload import arguments, mesh_session, passed_on, run

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}}
.black{{color:#222}} .red{{color:#c22}} small{{color:#777}} blockquote{{margin:1rem 0}}</style>
<h1>{title}</h1><p>{author}, {year}, {pages} pages</p><h2>Reviews</h2>{reviews}
<p><small>served by reviews <b id="version">{version}</b></small></p></html>"""


def stars(row: dict[str, Any]) -> str:
    """Stars in the version's colour, or nothing."""
    if not row["stars"]:
        return ""
    return f'<div class="{escape(row["color"])}">{"★" * row["stars"]}{"☆" * (5 - row["stars"])}</div>'


async def fetch(request: web.Request, url: str) -> dict[str, Any]:
    """JSON of another service, or the reason why there is none."""
    try:
        async with request.app["mesh"].get(url, headers=passed_on(request)) as answer:
            answer.raise_for_status()
            body: dict[str, Any] = await answer.json()
            return body
    except ClientError as error:
        return {"problem": str(error)}


async def api(request: web.Request) -> web.Response:
    """Everything about a book as JSON; 502 where a service behind did not answer."""
    book = request.match_info["book"]
    details = await fetch(request, f"http://details:9080/details/{book}")
    reviews = await fetch(request, f"http://reviews:9080/reviews/{book}")
    failed = any("problem" in part and part["problem"] for part in (details, reviews))
    return web.json_response({"details": details, "reviews": reviews}, status=502 if failed else 200)


async def page(request: web.Request) -> web.Response:
    """The page itself."""
    details = await fetch(request, "http://details:9080/details/0")
    reviews = await fetch(request, "http://reviews:9080/reviews/0")
    rows = "".join(
        f"<blockquote>{escape(row['text'])}<br><small>{escape(row['reviewer'])}</small>{stars(row)}</blockquote>"
        for row in reviews.get("reviews", [])
    )
    fields = {key: escape(str(details.get(key, "unknown"))) for key in ("title", "author", "year", "pages")}
    problem = reviews.get("problem")
    body = PAGE.format(
        reviews=rows or f"<p>unavailable: {escape(str(problem))}</p>",
        version=escape(str(reviews.get("version", "none"))),
        **fields,
    )
    return web.Response(text=body, content_type="text/html", status=502 if "problem" in details or problem else 200)


def application(sidecar: str) -> web.Application:
    """The front of the shop."""

    async def connect(app: web.Application) -> None:
        app["mesh"] = mesh_session(sidecar)

    async def disconnect(app: web.Application) -> None:
        await app["mesh"].close()

    app = web.Application()
    app.router.add_get("/productpage", page)
    app.router.add_get("/api/v1/products/{book:[0-9]+}", api)
    app.on_startup.append(connect)
    app.on_cleanup.append(disconnect)
    return app


if __name__ == "__main__":
    given = arguments()
    run(application(given.sidecar), given.socket)
