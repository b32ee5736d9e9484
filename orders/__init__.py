"""What is true: stores, orders, aliases and their timelines. Knows nothing of how mail travels."""
