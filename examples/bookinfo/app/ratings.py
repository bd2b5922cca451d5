"""ratings: stars by reviewer."""

from aiohttp import web
from workload import arguments, run


async def ratings(request: web.Request) -> web.Response:
    """Two readers, two opinions."""
    return web.json_response({"id": int(request.match_info["book"]), "stars": {"reviewer 1": 5, "reviewer 2": 4}})


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/ratings/{book:[0-9]+}", ratings)
    run(application, arguments().socket)
