"""The log is looked through by who and by what, too."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.AddIndex("entry", models.Index(models.F("actor_id"), name="audit_by_actor")),
        migrations.AddIndex(
            "entry",
            models.Index(fields=["action"], opclasses=["varchar_pattern_ops"], name="audit_by_action"),
        ),
    ]
