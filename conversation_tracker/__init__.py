"""What happens to mail, and the project's wiring."""

from conversation_tracker.celery import app as celery_app

__all__ = ["celery_app"]
