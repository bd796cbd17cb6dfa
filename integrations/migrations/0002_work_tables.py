"""What Django cannot say about tables: the work tables are not logged, and people keep room for their updates."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("integrations", "0001_initial")]

    operations = [
        # Lost in a crash of the server, which a run notices by its counters; in return they write no WAL.
        migrations.RunSQL(
            "ALTER TABLE integrations_staged SET UNLOGGED", "ALTER TABLE integrations_staged SET LOGGED"
        ),
        migrations.RunSQL(
            "ALTER TABLE integrations_seen SET UNLOGGED", "ALTER TABLE integrations_seen SET LOGGED"
        ),
        # Nobody looks a work row up by its number, and an index costs a quarter of the time to write it.
        migrations.RunSQL(
            "ALTER TABLE integrations_staged DROP CONSTRAINT integrations_staged_pkey",
            "ALTER TABLE integrations_staged ADD PRIMARY KEY (id)",
        ),
        migrations.RunSQL(
            "ALTER TABLE integrations_seen DROP CONSTRAINT integrations_seen_pkey",
            "ALTER TABLE integrations_seen ADD PRIMARY KEY (id)",
        ),
        # With free space in each page, an update of a column without an index stays there (HOT).
        migrations.RunSQL(
            "ALTER TABLE integrations_directoryperson SET (fillfactor = 85)",
            "ALTER TABLE integrations_directoryperson RESET (fillfactor)",
        ),
    ]
