"""The mesh in a directory, without a control plane.

In: a directory of YAML, perhaps a MeshConfig. Out: a snapshot; what is wrong with files goes to standard error.
"""

import pathlib
from collections.abc import Iterable

import click

from pilot.model.problem import Problem
from pilot.model.snapshot import Snapshot

CONFIG_DIR = click.option(
    "-f", "--configDir", "--config-dir", "config_dir", type=click.Path(path_type=pathlib.Path, exists=True),
    help="read this directory instead of asking a control plane",
)  # fmt: skip
MESH_CONFIG = click.option(
    "--meshConfig", "--mesh-config", "mesh_config", type=click.Path(path_type=pathlib.Path), help="with --configDir"
)


def read_directory(directory: pathlib.Path, mesh_config: pathlib.Path | None = None) -> Snapshot:
    """The snapshot of its objects; what is wrong with files is told. Raises: click.ClickException."""
    snapshot, problems = load_directory(directory, mesh_config)
    for each in problems:
        click.echo(str(each), err=True)
    return snapshot


def load_directory(directory: pathlib.Path, mesh_config: pathlib.Path | None) -> tuple[Snapshot, Iterable[Problem]]:
    """The snapshot of its objects, and what is wrong with its files. Raises: click.ClickException."""
    from pilot import settings
    from pilot.sources.files import ConfigDirectory
    from pilot.sources.mesh_file import MeshFileError, read_mesh_files

    loaded = settings.load({"config_dir": directory, "mesh_config": mesh_config})
    try:
        files = read_mesh_files(str(loaded.mesh_config), str(loaded.networks_config))
        tree = ConfigDirectory(str(directory))
        batch = tree.apply(tree.read())
    except (MeshFileError, OSError) as error:
        raise click.ClickException(str(error)) from error
    snapshot, _ = Snapshot.empty(files.mesh, loaded.features, files.networks).apply(batch.events)
    return snapshot, batch.problems
