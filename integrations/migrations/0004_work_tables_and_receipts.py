"""What Django cannot say: unlogged work tables, and receipts that nobody can change."""

from django.db import migrations

_UNLOGGED = ("integrations_stagedmember", "integrations_previewpage")

_REFUSE = """
CREATE FUNCTION integrations_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER integrations_receipt_append_only BEFORE UPDATE OR DELETE ON integrations_receipt
    FOR EACH ROW EXECUTE FUNCTION integrations_refuse_change();
"""
_ALLOW = """
DROP TRIGGER integrations_receipt_append_only ON integrations_receipt;
DROP FUNCTION integrations_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0003_setup_groups_and_holds")]

    operations = [
        *(
            migrations.RunSQL(f"ALTER TABLE {table} SET UNLOGGED", f"ALTER TABLE {table} SET LOGGED")
            for table in _UNLOGGED
        ),
        migrations.RunSQL(
            "ALTER TABLE integrations_stagedmember DROP CONSTRAINT integrations_stagedmember_pkey",
            "ALTER TABLE integrations_stagedmember ADD PRIMARY KEY (id)",
        ),
        migrations.RunSQL(_REFUSE, _ALLOW),
        # Connections that were running before there was a wizard were approved and confirmed by being started.
        migrations.RunSQL(
            "UPDATE integrations_connection SET approved_at = created_at, confirmed_at = created_at "
            "WHERE state <> 'setting_up'",
            migrations.RunSQL.noop,
        ),
    ]
