"""What EnvoyFilters change in what is generated: `sets` is the way in, `report` says what patches did.

In: generated sets and a view. Out: the sets that a proxy gets. Source: xDS behaviour 7.1.
"""
