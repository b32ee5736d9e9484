"""What a provider's answer to a mail says of when to come again, and what it means that none came."""

from __future__ import annotations

import re
import smtplib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused

from conversation_tracker import limits

LONGEST_WAIT = timedelta(hours=2)  # that a provider may ask for
_MOST_READ = 4_000  # characters of an answer
# Amazon, SparkPost (7001), MailerSend (MS42207, and of trial accounts), Mailgun, Brevo.
_ABOUT_US = re.compile(
    r"not verified|unverified|must be verified|unconfigured sending domain|trial account|sandbox subdomain"
    r"|sender is invalid|sender not valid|not_enough_credits",
    re.IGNORECASE,
)
# How a mail server begins a reply that is about us: our host, our sender, or that we may not use it. Not searched for
# further on, where a server may quote what another said of the recipient. Postfix, Sendmail, Exim, Exchange (its own
# numbers of RFC 3463's class 7 too), Amazon, SendGrid.
_ABOUT_US_BY_SMTP = re.compile(
    r"""
    5\.1\.[78]\b  # RFC 3463 §3.2: the sender's address
    | 5\.7\.(?:5[47] | 6[04] | 139 | 50[1239] | 6[0-4]\d | 70[58] | 750)\b
    | (?: 5\.\d{1,3}\.\d{1,3} [ ;]+ )? (?: <[^>]*> (?: : | \.{3} )? [ ] )?
    (?:
        authentication[ ](?:is[ ])?required | unable[ ]to[ ]relay | sendasdenied
        | relay(?:ing)?[ ] (?:access[ ])? (?: denied | not[ ](?:permitted|allowed) )
        | (?: sender[ ]address | client[ ]host | helo[ ]command )[ ]rejected
        | service[ ]unavailable[;,][ ] (?: sender[ ]address | client[ ]host | helo[ ]command )
        | message[ ]rejected:[ ]email[ ]address[ ]is[ ]not[ ]verified
        | access[ ]denied:[ ]user[ ] .{0,300} [ ]is[ ]not[ ]authorized[ ]to[ ]perform
        | the[ ]from[ ]address[ ]does[ ]not[ ]match[ ]a[ ]verified[ ]sender
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# And what says so anywhere in its own words. Google Workspace, Zoho, Exim with cPanel, iCloud, Fastmail, IONOS.
_NOTHING_FROM_US = re.compile(
    r"""
    \bmail[ ]relay[ ]denied | relaying[ ]disallowed | credentials[ ]for[ ]relay
    | not[ ](?:permitted|allowed|authori[sz]ed)[ ]to[ ]relay | turn[ ]on[ ]smtp[ ]authentication
    | unauthenticated[ ]senders?[ ]not
    | not[ ]authori[sz]ed[ ]to[ ]send[ ]from | from[ ]address[ ]is[ ]not[ ]one[ ]of[ ]your
    | sender[ ]address[ ]is[ ]not[ ]allowed
    """,
    re.IGNORECASE | re.VERBOSE,
)
# What is said when an account has sent too much for now. Google, Microsoft, Zoho, cPanel, Amazon, GoDaddy, Postfix's
# policies, Plesk, iRedMail, Mailgun, MailerSend.
_ABOUT_QUOTA = re.compile(
    r"""
    (?<![\d.]) (?: 5\.4\.[56] | 5\.1\.90 | 5\.7\.23[36] | 5\.2\.25[0-9] )\b
    | submissionquota | (?:throttling|message[ ]count)[ ]quota | email[ ]quota[ ]limit
    | sending[ ](?:paused|suspended|too[ ]fast) | outboundspamexception | too[ ]many[ ](?:e?mails|messages)[ ]per
    | recipient[ ]limit[ ]exceeded | limit[ ]on[ ]the[ ]number[ ]of[ ]allowed
    | max(?:imum)?[ ] (?:e?mails|defers[ ]and[ ]failures|messages|recipients) [ ]per[ ](?:hour|day)
    | \b(?:relay|sending|smtp|hourly|daily|outgoing)[ ] (?:(?:relay|sending|smtp|e-?mail)[ ])? (?:limits?|quota)\b
    | \blimit[ ]of[ ][0-9]{1,9}[ ](?:rcpts|recipients|messages|e?mails)[ ]per\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ABOUT_SIZE = re.compile(
    r"\b(?:message|mail) size\b|\bsize (?:limit|exceeds)|\btoo (?:large|big)\b|(?<![\w.-])[0-9]+ ?(?:[kmg]i?b|bytes)\b",
    re.IGNORECASE,
)
_ANOTHER_S_WORDS = re.compile(r"\bsaid:|\bcall-?out\b|\bresponse\b", re.IGNORECASE)


class Unanswered(smtplib.SMTPException):
    """The server or provider has the whole mail, perhaps, and did not say whether it takes it."""


class Misunderstood(Exception):
    """A backend failed in a way of its own, perhaps over the answer to a mail that was taken."""


def is_missing(error: BaseException) -> bool:
    """Whether a call over HTTP failed without a whole answer: none came in time, it broke off, or it is none."""
    return isinstance(error, limits.TooLong) or (isinstance(error, AnymailAPIError) and error.response is None)


def reason(error: AnymailRecipientsRefused) -> str:
    """Why a recipient was refused, in Mandrill's words; empty where the answer does not say."""
    try:
        [said] = error.response.json()
        return str(said["reject_reason"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""


def postmark_code(error: AnymailAPIError) -> int | None:
    """Postmark's ErrorCode; None where the answer has none."""
    try:
        found = error.response.json()["ErrorCode"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return found if isinstance(found, int) else None


def postal_code(error: AnymailAPIError) -> str | None:
    """What Postal calls its error; it answers each with 200. None where the answer has no such word."""
    try:
        said = error.response.json()
        return str(said["data"].get("code") or said["status"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def mailjet_errors(response: requests.Response | None) -> list[tuple[str, int]]:
    """What is wrong with the one mail of a call, in Mailjet's words (Send API v3.1): code and status. Empty where the
    answer does not say.
    """
    try:
        [mail] = response.json()["Messages"]  # type: ignore[union-attr]  # AttributeError where there is none
        return [(str(one["ErrorCode"]), int(one["StatusCode"])) for one in mail["Errors"]]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []


def code(error: AnymailAPIError) -> str:
    """What Brevo and Resend call their error; empty where the answer does not say."""
    try:
        said = error.response.json()
        return str(said.get("code") or said.get("name") or "")
    except (AttributeError, TypeError, ValueError):
        return ""


def is_about_us(text: str) -> bool:
    """Whether a refusal, in the provider's words, is about our account or our domain, which an operator puts right."""
    return _ABOUT_US.search(text[:_MOST_READ]) is not None


def is_about_us_by_smtp(text: str, *, of_mail: bool) -> bool:
    """The same of a mail server's reply. Only where that is to the mail itself are a provider's words looked for in all
    of it: in reply to a recipient they may be about him ("unverified address").
    """
    its_own = _ANOTHER_S_WORDS.split(text[:_MOST_READ], maxsplit=1)[0]
    takes_nothing = _ABOUT_US_BY_SMTP.match(text) or _NOTHING_FROM_US.search(its_own)
    return takes_nothing is not None or (of_mail and is_about_us(text))


def is_about_quota(text: str) -> bool:
    """Whether a refusal is for how much the account has sent of late, which passes with time."""
    said = text[:_MOST_READ]
    return _ABOUT_QUOTA.search(said) is not None and _ABOUT_SIZE.search(said) is None


def names_nobody(error: AnymailRecipientsRefused) -> bool:
    """Whether a recipient counts as refused only since the answer, in which each is listed, is empty."""
    try:
        return error.response.json() in ([], {})
    except (AttributeError, ValueError):
        return False


def asked_to_wait(response: requests.Response | None, *, now: datetime) -> timedelta:
    """How long the provider asks us to wait: Retry-After, in seconds or as a date (RFC 9110 §10.2.3).

    Nothing where it does not say, or nonsense; LONGEST_WAIT at most.
    """
    text = response.headers.get("Retry-After", "").strip() if response is not None else ""
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    return min(max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta()), LONGEST_WAIT)
