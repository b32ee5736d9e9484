"""A checkout with nothing in it but the package under test and the smallest project that it can run."""

from __future__ import annotations

import shutil
from pathlib import Path

import conversation_tracker.local

SETTINGS = """
import environ, os
from pathlib import Path
from conversation_tracker.local import locate
BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if "DATABASE_URL" not in os.environ and (found := locate.environment_file(BASE_DIR, os.environ)):
    env.read_env(found)
SECRET_KEY = env("SECRET_KEY")
DATABASES = {"default": env.db()}
INSTALLED_APPS = ["django.contrib.contenttypes", "conversation_tracker"]
ROOT_URLCONF = "conversation_tracker.urls"
WSGI_APPLICATION = "conversation_tracker.wsgi.application"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
CELERY_BROKER_URL = env("REDIS_URL").replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
"""

FILES = {
    "manage.py": """
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversation_tracker.settings")
execute_from_command_line(sys.argv)
""",
    "conversation_tracker/__init__.py": "",
    "conversation_tracker/settings.py": SETTINGS,
    "conversation_tracker/wsgi.py": """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversation_tracker.settings")
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
""",
    "conversation_tracker/celery.py": """
import os
from celery import Celery
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversation_tracker.settings")
app = Celery("conversation_tracker")
app.config_from_object("django.conf:settings", namespace="CELERY")
""",
    "conversation_tracker/urls.py": """
from django.contrib.contenttypes.models import ContentType
from django.http import JsonResponse
from django.urls import path
urlpatterns = [path("healthz", lambda request: JsonResponse({"types": ContentType.objects.count()}))]
""",
    "conversation_tracker/management/__init__.py": "",
    "conversation_tracker/management/commands/__init__.py": "",
    "conversation_tracker/management/commands/demo.py": """
from django.core.management import BaseCommand
class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--url")
        parser.add_argument("--sample-alias", action="store_true")
    def handle(self, **options):
        if options["sample_alias"]:
            self.stdout.write("0123456789abcdef0123456789abcdef@ct.example.com")
""",
}


def make(folder: Path) -> Path:
    """Write the checkout, so that any account can read it, and return its folder."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    package = Path(conversation_tracker.local.__file__).parent
    own = shutil.ignore_patterns(
        "__pycache__", "mailbox*", "models*", "views*", "management", "migrations", "templates"
    )
    shutil.copytree(package, folder / "conversation_tracker" / "local", ignore=own)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    return folder
