from __future__ import annotations

from django.db import migrations, models

# Dates stand in the clear. Certificates are sealed: theirs are known when they are stored the next time.
_KNOWN = r"""
UPDATE integrations_credential SET expires_on = value::date
WHERE key LIKE '%expires\_on' AND value ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$'
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0005_tried_credentials_and_inquiries")]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="expires_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.RunSQL(_KNOWN, migrations.RunSQL.noop),
    ]
