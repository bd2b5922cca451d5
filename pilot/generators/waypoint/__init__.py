"""Waypoints: proxies that end HBONE tunnels for services and workloads of a mesh without sidecars.

In: views with attachments. Out: their clusters and listeners; endpoints are made as everybody's.
Source: xDS behaviour 3.10, 4.12.
"""
