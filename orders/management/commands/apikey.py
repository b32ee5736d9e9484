"""Make an API key for a store, and show its token this once."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from orders import access
from orders.models import ApiKey, Store


class Command(BaseCommand):
    help = "Make an API key for a store, and show its token this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("store", help="the store's account name")
        parser.add_argument("--label", default="API", help="who will use it, as the timeline shows it")
        parser.add_argument("--may-answer", action="store_true", help="let it write mails to the parties of orders")
        parser.add_argument(
            "--may-reveal", action="store_true", help="answer it with real addresses; each such call is audited"
        )

    def handle(self, *args: Any, store: str, label: str, may_answer: bool, may_reveal: bool, **options: Any) -> None:
        found = Store.objects.filter(account=store).first()
        if found is None:
            raise CommandError(f"There is no store {store!r}.")
        key, token = f"{store}-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
        ApiKey.objects.create(
            store=found,
            app_key=key,
            token_digest=access.token_digest(token),
            label=label,
            may_answer=may_answer,
            may_reveal=may_reveal,
            created_at=timezone.now(),
        )
        self.stdout.write(f"X-VTEX-API-AppKey: {key}\nX-VTEX-API-AppToken: {token}")
