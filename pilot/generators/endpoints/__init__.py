"""EDS: what stands behind each cluster, for a class of proxies."""

from pilot.generators.endpoints.sets import build as build
from pilot.generators.endpoints.sets import steps as steps
