"""anymail's webhook views where they need help: what they fetch, and bytes that they would lose.

One module each, imported only when its provider is mounted.
"""
