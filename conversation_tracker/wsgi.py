"""The WSGI entry point: ``gunicorn conversation_tracker.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversation_tracker.settings")

_django = get_wsgi_application()

from conversation_tracker import celery, checks, fields, logs, urls  # noqa: E402, F401  the applications must be loaded first
from conversation_tracker.postgres import base  # noqa: E402
from orders import vault  # noqa: E402

# The pages are loaded with ``urls`` above, and not while the first caller waits.
checks.refuse_unsafe_start()
logs.guard_web_server()
base.limit_waiting()
vault.limit_waiting()
celery.collect_seldom()
application = fields.bounded(_django)
