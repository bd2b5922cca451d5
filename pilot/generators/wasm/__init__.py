"""WasmPlugins: the filters that ask for them (`filters`), and what they are given (`configurations`).

In: the plugins of a proxy. Out: filters by place in the chain, extension configurations by name.
Source: xDS behaviour 7.2.
"""
