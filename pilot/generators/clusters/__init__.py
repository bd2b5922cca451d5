"""CDS: where traffic can go, for a class of proxies."""

from pilot.generators.clusters.sets import build as build
from pilot.generators.clusters.sets import steps as steps
