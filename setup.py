"""Generates istio_api from protos/ before setuptools looks for packages; everything else is said in pyproject.toml."""

import runpy
from pathlib import Path

from setuptools import setup

generate = runpy.run_path(str(Path(__file__).parent / "protos" / "generate.py"))
if generate["main"]() != 0:
    raise SystemExit("protos/generate.py failed: see protoc's message above")

setup()
