"""The steps a mail goes through; only ``pipeline`` knows their order."""
