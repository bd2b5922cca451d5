"""reviews: v1 has no stars, v2 black ones, v3 red ones. v2 and v3 ask ratings."""

from aiohttp import ClientError, web
from workload import arguments, mesh_session, passed_on, run

COLOURS = {"v1": None, "v2": "black", "v3": "red"}
TEXTS = (
    ("reviewer 1", "Mistaken twins, a sea captain in distress, and it still ends well."),
    ("reviewer 2", "Short and merry. I missed a bear."),
)


def application(version: str, sidecar: str) -> web.Application:
    """The service in one of its versions."""

    async def reviews(request: web.Request) -> web.Response:
        book, colour = request.match_info["book"], COLOURS[version]
        stars: dict[str, int] = {}
        problem = None
        if colour:
            try:
                async with request.app["mesh"].get(
                    f"http://ratings:9080/ratings/{book}", headers=passed_on(request)
                ) as answer:
                    answer.raise_for_status()
                    stars = (await answer.json())["stars"]
            except ClientError as error:
                problem = f"ratings: {error}"
        rows = [{"reviewer": who, "text": text, "stars": stars.get(who), "color": colour} for who, text in TEXTS]
        return web.json_response({"id": int(book), "version": version, "reviews": rows, "problem": problem})

    async def connect(app: web.Application) -> None:
        app["mesh"] = mesh_session(sidecar)

    async def disconnect(app: web.Application) -> None:
        await app["mesh"].close()

    app = web.Application()
    app.router.add_get("/reviews/{book:[0-9]+}", reviews)
    app.on_startup.append(connect)
    app.on_cleanup.append(disconnect)
    return app


if __name__ == "__main__":
    given = arguments()
    run(application(given.version, given.sidecar), given.socket)
