"""Let the database itself refuse to change or delete a timeline or audit row."""

from django.db import migrations

GUARD = """
CREATE FUNCTION orders_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER timeline_only_grows BEFORE UPDATE OR DELETE ON orders_timelineentry
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON orders_auditentry
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();
"""
UNGUARD = """
DROP TRIGGER audit_only_grows ON orders_auditentry;
DROP TRIGGER timeline_only_grows ON orders_timelineentry;
DROP FUNCTION orders_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_stores_orders_aliases_timelines")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
