"""The database backend that Django is told of in settings.py."""
