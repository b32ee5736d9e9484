
import django.db.models.deletion
import orders.secrecy
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversation_tracker', '0007_order_mails_say_who_had_them_resent'),
        ('orders', '0009_audit_who_opened_a_receipt'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='TrialMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('template', models.CharField(blank=True, choices=[('vtexcommerce-new-order', 'Order confirmation'), ('vtexcommerce-payment-pending', 'Payment pending'), ('vtexcommerce-payment-approved', 'Payment approved'), ('payment-denied', 'Payment denied'), ('vtexcommerce-order-change-payment', 'Order change payment'), ('vtexcommerce-order-changed', 'Order changed'), ('vtexcommerce-order-changed-v2', 'Order changed: items'), ('in-handling', 'In handling'), ('vtexcommerce-order-invoiced', 'Order invoiced'), ('vtexcommerce-order-shipped', 'Order shipped'), ('vtexcommerce-order-shipping-update', 'Shipping update'), ('vtexcommerce-order-shipping-finished', 'Order delivered'), ('vtexcommerce-order-cancelled', 'Order cancelled'), ('vtexcommerce-order-invoiced-with-cancel-request', 'Cancellation refused: invoiced'), ('vtexcommerce-order-shipped-with-cancel-request', 'Cancellation refused: shipped'), ('vtexcommerce-replace-order', 'Replace order'), ('vtexcommerce-order-refunded', 'Order refund')], max_length=64)),
                ('recipient', orders.secrecy.SealedField()),
                ('content', orders.secrecy.SealedField()),
                ('state', models.CharField(choices=[('queued', 'Waiting to be sent'), ('sending', 'Being sent'), ('sent', 'Sent'), ('failed', 'Could not be sent')], default='queued', max_length=7)),
                ('problem', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField()),
                ('state_changed_at', models.DateTimeField()),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('store', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orders.store')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['created_at'], name='trial_mail_waiting'), models.Index(fields=['store', '-created_at'], name='trial_mail_newest_of_store')],
                'constraints': [models.CheckConstraint(condition=models.Q(('template__in', ['', 'vtexcommerce-new-order', 'vtexcommerce-payment-pending', 'vtexcommerce-payment-approved', 'payment-denied', 'vtexcommerce-order-change-payment', 'vtexcommerce-order-changed', 'vtexcommerce-order-changed-v2', 'in-handling', 'vtexcommerce-order-invoiced', 'vtexcommerce-order-shipped', 'vtexcommerce-order-shipping-update', 'vtexcommerce-order-shipping-finished', 'vtexcommerce-order-cancelled', 'vtexcommerce-order-invoiced-with-cancel-request', 'vtexcommerce-order-shipped-with-cancel-request', 'vtexcommerce-replace-order', 'vtexcommerce-order-refunded'])), name='trial_mail_template_is_known'), models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'sending', 'sent', 'failed'])), name='trial_mail_state_is_known')],
            },
        ),
    ]
