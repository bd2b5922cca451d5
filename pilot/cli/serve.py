"""`meshpilot serve DIR`: the control plane for people, on loopback unless told otherwise.

In: a directory of YAML. Out: the same program as `pilot-discovery discovery --configDir DIR`, with fewer words.
"""

import pathlib

import click

from pilot import app, logs, settings


@click.command()
@click.argument("directory", type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--mesh-config", type=click.Path(path_type=pathlib.Path), help="MeshConfig file")
@click.option("--state-dir", type=click.Path(path_type=pathlib.Path), help="what must outlive a restart")
def serve(directory: pathlib.Path, host: str, mesh_config: pathlib.Path | None, state_dir: pathlib.Path | None) -> None:
    """Serves the mesh in DIRECTORY until Ctrl-C: xDS on 15010 and 15012, readiness on 8080, metrics on 15014."""
    addresses = settings.Addresses(
        *(f"{host}{default}" for default in (":8080", ":15017", ":15010", ":15012", ":15014"))
    )
    flags = {"config_dir": directory, "mesh_config": mesh_config, "state_dir": state_dir, "addresses": addresses}
    loaded = settings.load(flags)
    logs.configure(loaded.log_level)
    try:
        app.run(loaded)
    except app.StartError as error:
        raise click.ClickException(str(error)) from error
