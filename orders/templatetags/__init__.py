"""What templates say in the product's own way."""
