"""details: facts about a book."""

from aiohttp import web
from workload import arguments, run


async def details(request: web.Request) -> web.Response:
    """The book of this shop."""
    book = {
        "id": int(request.match_info["book"]),
        "title": "The Comedy of Errors",
        "author": "William Shakespeare",
        "year": 1595,
        "pages": 200,
    }
    return web.json_response(book)


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/details/{book:[0-9]+}", details)
    run(application, arguments().socket)
