"""Django's and anymail's backends, with an end to each mail in time."""

# What stands for a backend that the settings name: the same, but it never waits for as long as its service likes.
INSTEAD = {
    "anymail.backends.amazon_ses.EmailBackend": f"{__name__}.amazon_ses.EmailBackend",
    "django.core.mail.backends.smtp.EmailBackend": f"{__name__}.smtp.EmailBackend",
}
