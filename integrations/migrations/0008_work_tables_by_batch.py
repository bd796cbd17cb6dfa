"""The work tables again: keys in a row for each batch, and the parts of a line in columns of their own."""

from typing import ClassVar

from django.db import migrations, models

_TABLES = ("integrations_staged", "integrations_seen")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0007_people_of_their_connections_company")]

    # Nothing is lost: a run whose work is gone reads again from the start.
    operations: ClassVar = [
        migrations.DeleteModel(name="Seen"),
        migrations.DeleteModel(name="Staged"),
        migrations.CreateModel(
            name="Seen",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("run_id", models.BigIntegerField()),
                ("place", models.PositiveIntegerField()),
                ("people", models.PositiveIntegerField()),
                ("keys", models.TextField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("run_id", "place"), name="seen_once")],
            },
        ),
        migrations.CreateModel(
            name="Staged",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("run_id", models.BigIntegerField()),
                ("place", models.PositiveIntegerField()),
                ("source_id", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=12)),
                ("person_name", models.CharField(max_length=250)),
                ("digest", models.UUIDField()),
                ("belongs", models.BooleanField()),
                ("before", models.JSONField()),
                ("after", models.JSONField()),
                ("match_id", models.BigIntegerField(null=True)),
            ],
            options={"indexes": [models.Index(fields=["run_id"], name="staged_of_run")]},
        ),
        # As in migration 0002: not logged, and nobody looks a work row up by its number.
        *(
            migrations.RunSQL(f"ALTER TABLE {table} {there}", f"ALTER TABLE {table} {back}")
            for table in _TABLES
            for there, back in (
                ("SET UNLOGGED", "SET LOGGED"),
                (f"DROP CONSTRAINT {table}_pkey", "ADD PRIMARY KEY (id)"),
            )
        ),
    ]
