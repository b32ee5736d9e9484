"""Kill everything, again and again, while mail comes in; then prove that nothing that was acknowledged is lost."""
