"""What waits: receipts in the inbox, mails in the outbox."""

from conversation_tracker.models.outbound import OutboundMail, SendState
from conversation_tracker.models.receipt import Channel, Receipt, ReceiptState, Trouble

__all__ = ["Channel", "OutboundMail", "Receipt", "ReceiptState", "SendState", "Trouble"]
