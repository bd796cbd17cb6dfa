"""Messages and answers are found by their words. Secrets have no text: theirs is sealed elsewhere in the row."""

from __future__ import annotations

from django.db import migrations

_CREATE = """
CREATE INDEX message_words ON requests_app_message USING gin (search_words(text));
CREATE INDEX answer_words ON requests_app_answer USING gin (search_words(value #>> '{}'))
    WHERE jsonb_typeof(value) = 'string';
"""

_DROP = "DROP INDEX answer_words; DROP INDEX message_words;"


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0005_four_eyes"), ("accounts", "0004_search")]

    operations = [migrations.RunSQL(_CREATE, _DROP)]
