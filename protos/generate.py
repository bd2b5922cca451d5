"""Generates Python from our .proto files into `generated/istio_api` (never edited, never committed).

    python protos/generate.py

Needs grpcio-tools. Does nothing where the output is newer than every .proto file and than the lock file, which
decides the version of protoc.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "protos" / "istio_api").glob("*.proto"))
OUTPUT = ROOT / "generated"


def is_fresh() -> bool:
    """Whether the generated package is newer than what it is made from."""
    made = OUTPUT / "istio_api" / "__init__.py"
    causes = [p for p in (*SOURCES, ROOT / "requirements.lock", pathlib.Path(__file__)) if p.exists()]
    return made.exists() and made.stat().st_mtime > max(p.stat().st_mtime for p in causes)


def main() -> int:
    """Runs protoc. Returns its exit code."""
    if is_fresh():
        return 0
    from grpc_tools import protoc

    package = OUTPUT / "istio_api"
    package.mkdir(parents=True, exist_ok=True)
    import grpc_tools

    include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"-I{ROOT / 'protos'}",
        f"-I{include}",
        f"--python_out={OUTPUT}",
        f"--pyi_out={OUTPUT}",
        *map(str, SOURCES),
    ]
    code = int(protoc.main(arguments))
    if code == 0:
        (package / "__init__.py").write_text('"""Generated from protos/ by protos/generate.py: do not edit."""\n')
    return code


if __name__ == "__main__":
    sys.exit(main())
