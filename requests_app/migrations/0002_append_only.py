"""The timeline and the history of answers are append-only, and requests are numbered from 1001."""

from __future__ import annotations

from django.db import migrations

_TABLES = ("requests_app_event", "requests_app_answerchange")

_REFUSE = """
CREATE FUNCTION requests_app_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
"""

_GUARD = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION requests_app_refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION requests_app_refuse_change();
"""

_UNGUARD = """
DROP TRIGGER {table}_no_truncate ON {table};
DROP TRIGGER {table}_append_only ON {table};
"""


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE requests_app_number START WITH 1001;", "DROP SEQUENCE requests_app_number;"
        ),
        migrations.RunSQL(_REFUSE, "DROP FUNCTION requests_app_refuse_change();"),
        *(migrations.RunSQL(_GUARD.format(table=table), _UNGUARD.format(table=table)) for table in _TABLES),
    ]
