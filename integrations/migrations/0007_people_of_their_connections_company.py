"""The company of a person is that of their connection: one foreign key over both columns instead of one for each."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

_REFER = """
ALTER TABLE integrations_directoryperson
    ADD CONSTRAINT person_of_connection_and_company FOREIGN KEY (connection_id, company_id)
    REFERENCES integrations_connection (id, company_id) DEFERRABLE INITIALLY DEFERRED"""
_FORGET = "ALTER TABLE integrations_directoryperson DROP CONSTRAINT person_of_connection_and_company"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_several_connections"),
        ("integrations", "0006_credential_expiry"),
    ]

    operations = [
        migrations.AlterField(
            model_name="directoryperson",
            name="company",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="people",
                to="accounts.company",
            ),
        ),
        migrations.AlterField(
            model_name="directoryperson",
            name="connection",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="people",
                to="integrations.connection",
            ),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.UniqueConstraint(fields=("id", "company"), name="connection_of_company"),
        ),
        migrations.RunSQL(_REFER, _FORGET),
    ]
