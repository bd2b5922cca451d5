"""Load harness and hot-path benches: what the figures in docs/performance.md come from."""
