"""What a store says at each step of an order: templates, senders, order mails."""
