"""The dashboard: pure functions from rows to HTML (`frame`, one module a page), and `front.py`, which serves them."""
