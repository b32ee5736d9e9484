"""The mail backend of one machine: every mail is kept for its recipient and none leaves."""

from __future__ import annotations

from collections.abc import Sequence
from email.header import decode_header, make_header
from email.utils import parseaddr

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from conversation_tracker import bytea
from conversation_tracker.local.models import LocalMail
from orders import addresses, customers
from orders.secrecy import Secret


class MailboxBackend(BaseEmailBackend):
    """Keeps each mail once for each of its recipients."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the mails and return how many they were."""
        now = timezone.now()
        kept = [
            LocalMail(
                recipient=Secret.of(recipient),
                recipient_digest=customers.real_digest(recipient),
                sender=Secret.of(str(make_header(decode_header(message.from_email)))),
                subject=Secret.of(str(message.subject)),
                raw=Secret.of(message.message().as_bytes()),
                received_at=now,
            )
            for message in email_messages
            for recipient in dict.fromkeys(bare(item) for item in message.recipients())
        ]
        with bytea.sent():
            LocalMail.objects.bulk_create(kept)
        return len(email_messages)


def bare(mailbox: str) -> str:
    """The address of ``Name <address>``, as it is shown."""
    return str(addresses.split(parseaddr(mailbox)[1] or mailbox))
