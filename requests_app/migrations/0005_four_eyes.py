"""Reveals are append-only, and whoever answered a request's items cannot be written in as the one who approved it."""

from __future__ import annotations

from django.db import migrations

_GUARD = """
CREATE TRIGGER requests_app_reveal_append_only BEFORE UPDATE OR DELETE ON requests_app_reveal
    FOR EACH ROW EXECUTE FUNCTION requests_app_refuse_change();
CREATE TRIGGER requests_app_reveal_no_truncate BEFORE TRUNCATE ON requests_app_reveal
    FOR EACH STATEMENT EXECUTE FUNCTION requests_app_refuse_change();
"""

_UNGUARD = """
DROP TRIGGER requests_app_reveal_no_truncate ON requests_app_reveal;
DROP TRIGGER requests_app_reveal_append_only ON requests_app_reveal;
"""

_FOUR_EYES = """
CREATE FUNCTION requests_app_four_eyes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM requests_app_answerchange line JOIN requests_app_item item ON item.id = line.item_id
        WHERE item.req_id = NEW.id AND line.by_id = NEW.decided_by_id AND line.what IN ('given', 'postponed')
    ) THEN
        RAISE EXCEPTION 'request_four_eyes: who answered a request does not decide on it'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER requests_app_request_four_eyes BEFORE INSERT OR UPDATE OF decided_by_id ON requests_app_request
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL) EXECUTE FUNCTION requests_app_four_eyes();
"""

_ANY_EYES = """
DROP TRIGGER requests_app_request_four_eyes ON requests_app_request;
DROP FUNCTION requests_app_four_eyes();
"""


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0004_talk_views_and_decisions")]

    operations = [migrations.RunSQL(_GUARD, _UNGUARD), migrations.RunSQL(_FOUR_EYES, _ANY_EYES)]
