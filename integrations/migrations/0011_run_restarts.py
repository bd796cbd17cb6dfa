"""How often the list of a run had moved while it was read, so that it does not begin anew for ever."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0010_people_refer_by_statement")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="restarts",
            field=models.PositiveSmallIntegerField(default=0, db_default=0),
        ),
    ]
