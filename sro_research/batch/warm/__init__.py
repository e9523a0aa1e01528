"""Notebooks in processes that need no start: one parent imports, and forks a child for each of them."""
