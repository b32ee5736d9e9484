"""Send one outbound mail through the configured backend, after the leak gate has looked at the finished mail."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus

import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused, AnymailRequestsAPIError
from anymail.message import AnymailRecipientStatus, AnymailStatus
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.translation import gettext_noop

from conversation_tracker import answers, backends, finishing, limits, renaming
from conversation_tracker.backends import uploads
from conversation_tracker.mailflow import headers, mask, match
from conversation_tracker.message_center import occasions
from conversation_tracker.models import OutboundMail, TemplateKey
from conversation_tracker.models.outbound import TOO_LARGE, TOO_SLOW
from conversation_tracker.providers import base
from orders import clock, faults, secrecy, suppression, vault
from orders.known import Known
from orders.models import Alias

log = logging.getLogger(__name__)

LISTED = gettext_noop("The store suppresses this address.")
ENDED = gettext_noop("An alias of this conversation was retired.")
MISSING = gettext_noop("An attachment is not in the storage.")
DAMAGED = gettext_noop("An attachment in the storage is damaged.")
UNANSWERED = gettext_noop("It was handed over, and no answer came: it may have arrived.")
MISUNDERSTOOD = gettext_noop("Handing it over went wrong: it may have arrived.")

# For handing over one mail by HTTP, whatever the provider does: an answer that comes byte by byte has no end else.
# 40 MB, as base64 55, go out in two minutes at 4 Mbit/s. The backend for SMTP keeps a time of its own for each step.
PATIENCE = 150.0  # seconds

REFUSED = {"invalid", "rejected"}  # of a recipient; anymail raises it where it knows the recipient for ours
MOST_WITHOUT_MEMORY = 3  # attempts

# What an operator puts right (a key that is wrong, a bill), or time does: it says nothing of the mail. CONFLICT is what
# an idempotency key brings while the provider still works on the try before.
PASSING = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,  # the sending domain, or where the API is
    HTTPStatus.METHOD_NOT_ALLOWED,  # where the API was: a redirect makes a GET of what is sent
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
    420,  # a limit of sending, at Mailgun and SparkPost
}
# Of a gateway before the provider: what lies behind it may have taken the mail. Where it knows a repeat by its key, one
# of the next answers tells.
UNTOLD = {HTTPStatus.GATEWAY_TIMEOUT, 520, 524}
# Of Postmark, which says with 422 also that it is busy, and what is about our account or our sender.
PASSING_AT_POSTMARK = {100, 400, 401, 405, 412, 413}
# Of Amazon SES, which says all of this with 400.
PASSING_AT_AMAZON = {
    "AccountSuspendedException", "LimitExceededException", "MailFromDomainNotVerifiedException",
    "SendingPausedException", "Throttling", "ThrottlingException", "TooManyRequestsException",
}  # fmt: skip
# Of Postal, which says everything with 200.
PASSING_AT_POSTAL = {
    "AccessDenied",
    "InternalServerError",
    "InvalidServerAPIKey",
    "ServerSuspended",
    "UnauthenticatedFromAddress",
}
# How Brevo and Resend say that they took a mail with this key before; Resend, that it said other words then.
TAKEN_BEFORE = {"duplicate_parameter", "invalid_idempotent_request"}
# Of Mandrill, which says with 200 and a refused recipient also what is about our domain, our account or the mail.
PASSING_AT_MANDRILL = {"soft-bounce", "invalid-sender", "test-mode-limit", "unsigned", "rule"}
ABOUT_CREDENTIALS = {530, 534, 535, 538}  # RFC 4954 §6; also in answer to a recipient or to the mail
TOO_MUCH = 552  # RFC 1870 §6.1: larger than the server takes


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it, but for the files at these positions, which were left out."""

    provider_message_id: str
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """It may go another time, and not before the provider asks for it.

    ``may_have_left``: it may have been taken after all, and the provider will know the next try for a repeat.
    """

    problem: str
    wait: timedelta = timedelta()
    may_have_left: bool = False


@dataclass(frozen=True, slots=True)
class Doubtful:
    """It may have arrived, and it may not: each further try may be a double."""

    problem: str


@dataclass(frozen=True, slots=True)
class Never:
    """It will not go, however often it is tried."""

    problem: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The provider does not send to this address any more."""

    problem: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The store sends nothing to this address any more, so the provider was not asked."""

    problem: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An order mail that waited until what it says was no longer so."""

    problem: str


@dataclass(frozen=True, slots=True)
class Held:
    """The leak gate found a real address in the finished mail, or could not search all of it."""

    problem: str


Result = Sent | Later | Doubtful | Never | Suppressed | Listed | Skipped | Held


def send(row: OutboundMail) -> Result:  # noqa: PLR0911  one line for each way it can end
    """Build the mail, let the leak gate search it, hand it to the backend. What a provider does is a result."""
    if suppression.is_suppressed(row.recipient.text(), store_id=row.store_id):
        return Listed(LISTED)
    if skipped_for := _over(row):
        return Skipped(skipped_for)
    aliases = _aliases(row)
    if _has_ended(row, aliases, now=clock.now()):
        return Never(ENDED)
    try:
        with limits.processor_time():
            finished = finishing.finished(row, _known(aliases))
    except limits.TooSlow:
        return Held(TOO_SLOW)
    except MemoryError:
        return lacked_memory(row.attempts)
    except vault.Missing:
        return Later(MISSING)
    except secrecy.CannotOpen:
        return Never(DAMAGED)
    except OSError as error:
        return Later(type(error).__name__)
    if finished.places:
        return Held("; ".join(finished.places)[:200])
    may_have_left = bool(row.doubts) or row.attempts - 1 > row.failures
    result = hand_over(finished.message, key=finishing.idempotency_key(row), may_have_left=may_have_left)
    return replace(result, left_out=finished.left_out) if isinstance(result, Sent) else result


def lacked_memory(attempts: int) -> Result:
    """What it means that memory was short: mails before it may have filled this process, and another comes after it."""
    return Later(TOO_LARGE) if attempts < MOST_WITHOUT_MEMORY else Held(TOO_LARGE)


def _over(row: OutboundMail) -> str:
    """Why an order mail is not to leave any more; empty where it is, and where somebody wants it sent all the same."""
    mail = row.order_mail
    if mail is None or mail.resend or row.resends:
        return ""
    return occasions.over(TemplateKey(mail.template), row.order)


def _aliases(row: OutboundMail) -> list[Alias]:
    """Everybody whom the order has by now."""
    return list(Alias.objects.filter(order_id=row.order_id))


def _has_ended(row: OutboundMail, aliases: Iterable[Alias], *, now: datetime) -> bool:
    """Whether the conversation ended while its mail waited. Order mails are written under aliases as they then are,
    and are not held back by what has run out since, but by what somebody retired.
    """
    both = [alias for alias in aliases if alias.pk in {row.sender_alias_id, row.recipient_alias_id}]
    if row.order_mail_id is None:
        return not all(alias.is_valid_at(now) for alias in both)
    return any(alias.is_retired_by_hand for alias in both)


def _known(aliases: Iterable[Alias]) -> tuple[Known, ...]:
    """Whom to look for."""
    return mask.known(match.party(alias) for alias in aliases)


def _connect(key: str) -> BaseEmailBackend:
    """A connection for one mail, on which a large one has time to go out."""
    backend = backends.INSTEAD.get(settings.EMAIL_BACKEND, settings.EMAIL_BACKEND)
    connection = get_connection(backend, fail_silently=False)
    if settings.EMAIL_BACKEND.startswith("anymail."):
        connection.open()  # asks nobody; but where it is set up wrong it says so now, before the mail is handed over
    session = getattr(connection, "session", None)  # anymail's, over HTTP
    if isinstance(session, requests.Session):
        for scheme in ("http://", "https://"):
            session.mount(scheme, uploads.Adapter())
        session.headers.update(finishing.keyed(finishing.KEY_IN_REQUEST, key))
    return connection


def hand_over(message: EmailMultiAlternatives, *, key: str, may_have_left: bool = False) -> Result:  # noqa: C901, PLR0911  one line for each way it can end
    """Let the configured backend send a finished mail; ``may_have_left`` says whether it may have taken it before."""
    try:
        _give(message, key=key)
    except AnymailRecipientsRefused as error:
        return _refused_recipient(error)
    except AnymailRequestsAPIError as error:
        return _refused(error, may_have_left=may_have_left)
    except AnymailAPIError as error:  # one that made no sense, or Amazon's
        return _amazons(error)
    except AnymailError as error:  # what we ask for is not to be had there
        return Never(type(error).__name__)
    except answers.Unanswered:
        return Doubtful(UNANSWERED)
    except answers.Misunderstood as error:
        log.error("a mail was handed over and then\n%s", faults.trace(error))  # noqa: TRY400  the text may quote the mail
        return Doubtful(MISUNDERSTOOD)
    except smtplib.SMTPRecipientsRefused as error:
        return next((_refused_by_smtp(*said) for said in error.recipients.values()), Later(type(error).__name__))
    except (smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPAuthenticationError) as error:
        return Later(f"SMTP {error.smtp_code}")  # before it has heard of the mail
    except smtplib.SMTPSenderRefused as error:  # the domain is not set up there, say; unless the mail is too large
        return Never(f"SMTP {error.smtp_code}") if error.smtp_code == TOO_MUCH else Later(f"SMTP {error.smtp_code}")
    except smtplib.SMTPResponseException as error:
        return _refused_by_smtp(error.smtp_code, error.smtp_error, of_mail=True)
    except (smtplib.SMTPException, OSError) as error:
        return Later(type(error).__name__)
    try:
        return _taken(message)
    except Exception as error:  # noqa: BLE001  it has left, whatever an answer holds that nobody expects
        log.error("the answer to a mail could not be read\n%s", faults.trace(error))  # noqa: TRY400  as above
        return Doubtful(MISUNDERSTOOD)


def _give(message: EmailMultiAlternatives, *, key: str) -> None:
    """Hand it to the backend. Raises what backends raise, Unanswered where the provider may have all of it and gave no
    whole answer, and Misunderstood for a mistake in one of them or in ours.
    """
    connection = _connect(key)
    is_http = settings.EMAIL_BACKEND.startswith("anymail.")
    try:
        with uploads.watched() as upload, limits.clock_time(PATIENCE) if is_http else nullcontext():
            connection.send_messages([message])
    except (AnymailError, OSError, MemoryError, SoftTimeLimitExceeded) as error:  # smtplib's are of OSError
        if upload.may_be_whole and answers.is_missing(error):
            raise answers.Unanswered from error
        raise
    except Exception as error:
        raise answers.Misunderstood from error
    finally:
        connection.close()


def _refused_recipient(error: AnymailRecipientsRefused) -> Result:
    """What an answer means by which nobody is to get the mail."""
    if answers.names_nobody(error):
        return Doubtful(MISUNDERSTOOD)
    reason = answers.reason(error)
    return Later(reason) if reason in PASSING_AT_MANDRILL else Suppressed(type(error).__name__)


def _refused(error: AnymailRequestsAPIError, *, may_have_left: bool) -> Result:
    """What a call over HTTP that did not succeed means."""
    if error.status_code in UNTOLD and not finishing.takes_key():
        return Doubtful(_status(error))
    if finishing.takes_key() and answers.code(error) in TAKEN_BEFORE:
        return Sent("") if may_have_left else Later(answers.code(error)[:100])  # a key is forgotten some time
    if error.status_code is not None and error.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return _refused_by_postal(error)
    if _may_heal(error.status_code) or _is_about_us(error):
        wait = answers.asked_to_wait(error.response, now=timezone.now())
        return Later(_status(error), wait=wait, may_have_left=error.status_code in UNTOLD)
    return Never(_status(error))


def _refused_by_postal(error: AnymailRequestsAPIError) -> Result:
    """What an answer means that was good by its status and tells of no success. Postal's always are; anybody else's
    nobody can read, as those of a network that wants a password first.
    """
    said = answers.postal_code(error)
    if said is None:
        return Doubtful(MISUNDERSTOOD)
    return Later(said[:100]) if said in PASSING_AT_POSTAL else Never(said[:100])


def _is_about_us(error: AnymailRequestsAPIError) -> bool:
    text = error.response.text if error.response is not None else ""
    is_ours = answers.postmark_code(error) in PASSING_AT_POSTMARK or answers.is_about_us(text)
    return is_ours or answers.is_about_quota(text)


def _amazons(error: AnymailAPIError) -> Result:
    """What Amazon's refusal means; anymail hands over its answer as boto has read it."""
    status = base.dig(error.response, "ResponseMetadata", "HTTPStatusCode")
    if not isinstance(status, int):
        return Later(type(error).__name__)
    if status in UNTOLD:
        return Doubtful(f"HTTP {status}")
    said = base.dig(error.response, "Error") or {}
    words = str(said.get("Message"))
    is_ours = said.get("Code") in PASSING_AT_AMAZON or answers.is_about_us(words) or answers.is_about_quota(words)
    is_passing = _may_heal(status) or is_ours
    return Later(f"HTTP {status}") if is_passing else Never(f"HTTP {status}")


def _may_heal(status: int | None) -> bool:
    return status is None or status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _refused_by_smtp(code: int, said: bytes | str, *, of_mail: bool = False) -> Result:
    """What an SMTP reply means to this recipient or this mail: one of 5xx refuses it for good (RFC 5321 §4.2.1)."""
    text = _text(said)
    is_about_us = code in ABOUT_CREDENTIALS or answers.is_about_us_by_smtp(text, of_mail=of_mail)
    may_heal = code < 500 or is_about_us or answers.is_about_quota(text)  # noqa: PLR2004
    return Later(f"SMTP {code}") if may_heal else Never(f"SMTP {code}")


def _text(said: bytes | str) -> str:
    return said.decode("ascii", "replace") if isinstance(said, bytes) else said


def _status(error: AnymailRequestsAPIError) -> str:
    return f"HTTP {error.status_code}" if error.status_code else type(error.__cause__ or error).__name__


def _taken(message: EmailMessage) -> Result:
    """What a good answer means. Within it the provider may say that it did not take the mail, of which anymail raises
    nothing; or anymail can make nothing of it, and finds no name that the provider gave the mail.
    """
    status = getattr(message, "anymail_status", None)
    told = _told(status)
    states = {one.status for one in told}
    if states == {"failed"}:
        return _refused_by_mailjet(getattr(status, "esp_response", None))
    if states & REFUSED:
        return _refused_recipient(AnymailRecipientsRefused(response=getattr(status, "esp_response", None)))
    if states == {"unknown"} and not told[0].message_id:
        return Doubtful(MISUNDERSTOOD)
    # Postal's is a number. What the database does not take would make a mail that has left leave again.
    found = [str(one.message_id) for one in told if isinstance(one.message_id, str | int)]
    named = found[0] if found else renaming.given(_text(getattr(message, "smtp_reply", b"")))
    return Sent(headers.one_line(named)[:255])


def _refused_by_mailjet(response: requests.Response | None) -> Result:
    """What an answer means by which the mail was not taken: nobody's but Mailjet's says why."""
    errors = answers.mailjet_errors(response)
    if not errors or any(_may_heal(status) for _, status in errors):
        return Later("not taken")
    return Never(errors[0][0][:100])


def _told(status: AnymailStatus | None) -> list[AnymailRecipientStatus]:
    """What the provider says of the one recipient. Where it spells the address otherwise than we do, as in small
    letters, anymail knows nothing of ours.
    """
    told = list(status.recipients.values()) if isinstance(status, AnymailStatus) else []
    return [one for one in told if one.status != "unknown" or one.message_id] or told[:1]
