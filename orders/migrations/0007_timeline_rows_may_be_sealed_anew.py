"""Let a key be changed under the timeline: a sealed name may be sealed anew, and nothing else of a row may change."""

from django.db import migrations

GUARD = """
CREATE FUNCTION orders_refuse_change_but_sealing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('conversation_tracker.sealing_anew', true) = 'on'
        AND to_jsonb(NEW) - 'sender_name' = to_jsonb(OLD) - 'sender_name'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
DROP TRIGGER timeline_only_grows ON orders_timelineentry;
CREATE TRIGGER timeline_only_grows BEFORE UPDATE OR DELETE ON orders_timelineentry
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_change_but_sealing();
"""
UNGUARD = """
DROP TRIGGER timeline_only_grows ON orders_timelineentry;
CREATE TRIGGER timeline_only_grows BEFORE UPDATE OR DELETE ON orders_timelineentry
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();
DROP FUNCTION orders_refuse_change_but_sealing();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_orders_flow_and_tell_what_happened")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
