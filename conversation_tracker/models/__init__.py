"""What waits: receipts in the inbox, order mails, mails in the outbox; and what stores wrote in templates."""

from conversation_tracker.models.order_mail import OrderMail, OrderMailState
from conversation_tracker.models.outbound import OutboundMail, SendState
from conversation_tracker.models.receipt import REPLAYABLE, Channel, Receipt, ReceiptState, Trouble
from conversation_tracker.models.template import Sender, TemplateChoice, TemplateKey, TemplateVersion
from conversation_tracker.models.trial_mail import TrialMail, TrialMailState

__all__ = [
    "REPLAYABLE",
    "Channel",
    "OrderMail",
    "OrderMailState",
    "OutboundMail",
    "Receipt",
    "ReceiptState",
    "SendState",
    "Sender",
    "TemplateChoice",
    "TemplateKey",
    "TemplateVersion",
    "TrialMail",
    "TrialMailState",
    "Trouble",
]
