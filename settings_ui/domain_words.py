"""What a finding about a domain means, in words."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversation_tracker.message_center.domains import Verdict

_WORDS: dict[Verdict, Promise | str] = {
    Verdict.MX_FOUND: _("Mail to this domain arrives at these servers."),
    Verdict.MX_NULL: _("The domain says that it takes no mail at all, so answers cannot arrive. Set this record:"),
    Verdict.MX_NONE: _(
        "No server takes mail for this domain, so answers cannot arrive. Set the record your mail provider names:"
    ),
    Verdict.MX_NO_WILDCARD: _(
        "Soft aliases live below this domain, and no server takes mail there, so answers cannot arrive. Set "
        "this record:"
    ),
    Verdict.SPF_STRICT: _("The domain names the servers that may send for it, and refuses all others."),
    Verdict.SPF_SOFT: _("The domain names the servers that may send for it. Others are marked as suspicious."),
    Verdict.SPF_OPEN: _(
        "The domain allows every server in the world to send for it, so the record protects nothing. Set this one:"
    ),
    Verdict.SPF_NEUTRAL: _(
        "The domain names servers but says nothing of all others. Set this record, so that they are marked "
        "as suspicious:"
    ),
    Verdict.SPF_BROKEN: _(
        "Receivers cannot use the record: something in it cannot be read, or leads to a domain without a record. Set "
        "this one, which has all the rest:"
    ),
    Verdict.SPF_LONG: _(
        "Receivers cannot use the record: it asks DNS more than ten times. Take out what is not needed, or set this "
        "one, and renew it when a provider of yours moves, as it names some servers by their addresses of today:"
    ),
    Verdict.SPF_TANGLED: _(
        "Receivers cannot use the record: it asks DNS more than ten times, also when shortened. Take out what is not "
        "needed, or send from a domain below this one, with a record that names your mail provider alone:"
    ),
    Verdict.SPF_TWO: _(
        "There are several SPF records, and receivers then ignore all of them. Keep only one, put together:"
    ),
    Verdict.SPF_NONE: _(
        "The domain does not say which servers may send for it, so its mail easily ends as spam. Set a "
        "record that names your mail provider:"
    ),
    Verdict.DKIM_FOUND: _("There is a key with which receivers can check that a mail was not changed on its way."),
    Verdict.DKIM_REVOKED: _(
        "The key was withdrawn: it is empty. Set the record with the key that your mail provider shows:"
    ),
    Verdict.DKIM_NONE: _(
        "No key was found under the usual names. If your mail provider gave you a selector, check it below; "
        "else set the record that the provider shows:"
    ),
    Verdict.DMARC_ENFORCED: _("Receivers keep forged mail of this domain away."),
    Verdict.DMARC_WATCHING: _(
        "Forged mail is reported but still delivered. Once the reports look right, set this record:"
    ),
    Verdict.DMARC_TWO: _("There are several DMARC records, and receivers then ignore all of them. Keep only one:"),
    Verdict.DMARC_NONE: _(
        "The domain does not say what to do with forged mail; large receivers demand that. Begin with this record:"
    ),
    Verdict.UNANSWERED: _("DNS did not answer in time. Try again in a minute."),
}


def of(verdict: Verdict) -> str:
    """The words for it."""
    return str(_WORDS[verdict])
