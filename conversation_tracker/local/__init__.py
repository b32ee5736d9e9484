"""What one machine needs to run the whole: embedded PostgreSQL and Redis, the local mailbox, the demo.

Never used in production.
"""
