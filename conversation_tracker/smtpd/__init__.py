"""The SMTP and LMTP door, for those who run a mail server of their own: `manage.py smtpd`."""
