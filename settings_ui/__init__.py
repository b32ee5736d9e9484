"""What a store chooses, in the browser."""
