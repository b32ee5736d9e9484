"""Make customers findable by name and document who are not yet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from orders import finding
from orders.models import Customer


class Command(BaseCommand):
    help = (
        "Make customers findable by name and document who are not yet: those whom a process of an older version added "
        "while this one was being brought in. The system may run meanwhile; stopped, run it again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done = 0
        while step := finding.fill(Customer.objects.all()):
            done += step
        self.stdout.write(f"{done} customers can be found now who could not before.")
