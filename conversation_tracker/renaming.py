"""Providers that put a Message-ID of their own in the place of ours, by which answers then name our mails.

What they leave alone is ``References``, so our id stands there too: most mail programs hand it back in their answers.
Of an answer by one that does not (Apple's on a telephone), the provider's id tells that it answers us.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

SMTP = "django.core.mail.backends.smtp.EmailBackend"
# How their ids end. What stands before Amazon's @, and the whole of Brevo's, is what their API called the mail.
_AMAZON, _BREVO, _MAILJET = (
    (".amazonses.com>",),
    ("@smtp-relay.mailin.fr>", "@smtp-relay.sendinblue.com>", "@smtp-relay.brevo.com>"),
    ("@mailjet.com>", ".mailjet.com>"),
)
_ENDINGS = {
    "anymail.backends.amazon_ses.EmailBackend": _AMAZON,
    "anymail.backends.resend.EmailBackend": _AMAZON,  # it sends by Amazon
    "anymail.backends.brevo.EmailBackend": _BREVO,
    "anymail.backends.mailjet.EmailBackend": _MAILJET,
    SMTP: (*_AMAZON, *_BREVO, *_MAILJET),
}
_POSTMARK = "anymail.backends.postmark.EmailBackend"
# Those that are known to keep ours; Postmark where it is told to.
_KEEPING = {"anymail.backends.mailgun.EmailBackend", _POSTMARK}
# The same services by SMTP. A mail server of one's own keeps ours.
_SERVERS = ("amazonaws.com", "brevo.com", "mailjet.com", "resend.com", "sendinblue.com")


def references(own: str, others: Iterable[str]) -> tuple[str, ...]:
    """What ``References`` is to name: the others, and our own id where the mail may get another one on its way."""
    return (*others, own) if _may_rename() else tuple(others)


def theirs(references: Iterable[str]) -> dict[str, str]:
    """Those of the ids that the provider by which we send has made, by what its API may have called the mail: the id,
    or what stands before its @.
    """
    endings = _ENDINGS.get(settings.EMAIL_BACKEND, ())
    named = [one for one in references if endings and one.lower().endswith(endings)]
    return {called: one for one in named for called in (one, one.strip("<>").partition("@")[0])}


def given(reply: str) -> str:
    """What a service calls the mail that it took by SMTP: the last word of its reply, as in "250 Ok 0102018f-1". Empty
    for a mail server of one's own, which reports by no such name.
    """
    return reply.rsplit(maxsplit=1)[-1] if settings.EMAIL_BACKEND == SMTP and _may_rename() and reply.strip() else ""


def may_be_kept() -> bool:
    """Whether it is Postmark that sends, which keeps a Message-ID where it is told to."""
    is_by_smtp = settings.EMAIL_BACKEND == SMTP and settings.EMAIL_HOST.lower().endswith("postmarkapp.com")
    return is_by_smtp or settings.EMAIL_BACKEND == _POSTMARK


def _may_rename() -> bool:
    if settings.EMAIL_BACKEND == SMTP:
        return settings.EMAIL_HOST.lower().endswith(_SERVERS)
    return settings.EMAIL_BACKEND.startswith("anymail.") and settings.EMAIL_BACKEND not in _KEEPING
