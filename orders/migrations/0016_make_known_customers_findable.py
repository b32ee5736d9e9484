from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from orders import finding


def fill(apps, schema_editor):
    customers = apps.get_model('orders', 'Customer')._default_manager.all()
    while finding.fill(customers):
        pass


class Migration(migrations.Migration):
    """In batches and without a lock on the table: placing goes on meanwhile, also by the code of before.

    Stopped half-way it can be run again: what it left of an index is made anew.
    """

    atomic = False

    dependencies = [
        ('orders', '0015_customers_are_found_by_name_and_document'),
    ]

    operations = [
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS customer_not_findable_yet', migrations.RunSQL.noop),
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS customer_found_by_word', migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='customer',
            index=models.Index(condition=models.Q(('search_digests', None)), fields=['id'], name='customer_not_findable_yet'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndexConcurrently(
            model_name='customer',
            index=GinIndex(fields=['search_digests'], name='customer_found_by_word'),
        ),
    ]
