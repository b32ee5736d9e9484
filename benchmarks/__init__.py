"""Measure what the product promises about speed, each time beside a floor that is measured in the same run."""
