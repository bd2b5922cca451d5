"""The demo: a small application on real Envoys, on one machine, without root."""
