"""Three references of the tables that a run fills are checked once for each statement, not once for each row.

PostgreSQL's own foreign keys ask about every row by itself, at the end of the transaction: a seventh of a first load.
"""

from __future__ import annotations

from collections.abc import Iterator

import django.db.models.deletion
from django.db import migrations, models

_FUNCTIONS = """
CREATE FUNCTION integrations_refer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE missing boolean;
BEGIN
    -- Whoever deletes meanwhile is waited for. Rows of this very transaction are out of everybody's reach.
    EXECUTE format('SELECT FROM %I one WHERE one.id IN (SELECT %I FROM fresh) '
        'AND one.xmin <> pg_current_xact_id()::xid FOR KEY SHARE', TG_ARGV[1], TG_ARGV[0]);
    EXECUTE format('SELECT EXISTS (SELECT FROM (SELECT DISTINCT %I AS id FROM fresh) named '
        'WHERE NOT EXISTS (SELECT FROM %I one WHERE one.id = named.id))', TG_ARGV[0], TG_ARGV[1]) INTO missing;
    IF missing THEN
        RAISE foreign_key_violation USING MESSAGE = format('%s of %s is in no row of %s',
            TG_ARGV[0], TG_TABLE_NAME, TG_ARGV[1]), TABLE = TG_TABLE_NAME, COLUMN = TG_ARGV[0];
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION integrations_referred() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE still boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I one WHERE one.%I IN (SELECT id FROM gone))',
        TG_ARGV[0], TG_ARGV[1]) INTO still;
    IF still THEN
        RAISE foreign_key_violation USING MESSAGE = format('a row of %s is still named by %s of %s',
            TG_TABLE_NAME, TG_ARGV[1], TG_ARGV[0]), TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION integrations_keep_reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE foreign_key_violation USING MESSAGE = format('rows of %s stay where they belong', TG_TABLE_NAME);
END $$"""
_NO_FUNCTIONS = "DROP FUNCTION integrations_refer, integrations_referred, integrations_keep_reference"

# The table, its column, and the table whose `id` the column holds.
_REFERENCES = (
    ("integrations_change", "run_id", "integrations_run"),
    ("integrations_membership", "group_id", "integrations_group"),
    ("integrations_membership", "person_id", "integrations_directoryperson"),
)


def _triggers() -> Iterator[migrations.RunSQL]:
    for table, column, other in _REFERENCES:
        name = f"{table}_{column}"
        yield migrations.RunSQL(
            f"""
CREATE TRIGGER {name}_refers AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION integrations_refer('{column}', '{other}');
CREATE TRIGGER {name}_stays BEFORE UPDATE OF {column} ON {table}
    FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION integrations_keep_reference();
CREATE TRIGGER {name}_referred AFTER DELETE ON {other} REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION integrations_referred('{table}', '{column}')""",
            f"""
DROP TRIGGER {name}_refers ON {table}; DROP TRIGGER {name}_stays ON {table}; DROP TRIGGER {name}_referred ON {other}""",
        )


class Migration(migrations.Migration):
    dependencies = [("integrations", "0008_work_tables_by_batch")]

    operations = [
        migrations.AlterField(
            model_name="change",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="changes",
                to="integrations.run",
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="group",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="integrations.group",
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="person",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="integrations.directoryperson",
            ),
        ),
        migrations.RunSQL(_FUNCTIONS, _NO_FUNCTIONS),
        *_triggers(),
    ]
