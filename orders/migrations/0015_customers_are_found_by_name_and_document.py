import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0014_mails_that_could_not_be_read'),
    ]

    operations = [
        migrations.AddField(
            model_name='customer',
            name='search_digests',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
    ]
