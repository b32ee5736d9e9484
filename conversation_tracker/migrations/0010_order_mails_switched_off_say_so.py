"""An order mail that was skipped because the store had switched it off says so, as the later ones do."""

from django.db import migrations

SAY = """
    UPDATE conversation_tracker_ordermail SET problem = 'The store switched it off.'
    WHERE state = 'skipped' AND problem = ''
"""


class Migration(migrations.Migration):
    dependencies = [("conversation_tracker", "0009_order_mails_skipped_say_why")]

    operations = [migrations.RunSQL(SAY, migrations.RunSQL.noop)]
