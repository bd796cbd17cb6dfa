"""That people are of their connection's company is checked once for each statement, too, as migration 0009 does.

A foreign key asked about every person by itself, at the end of the transaction: a fifteenth of a first load.
"""

from __future__ import annotations

from django.db import migrations

_CHECKED = """
CREATE FUNCTION integrations_people_refer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever deletes a connection meanwhile is waited for.
    PERFORM FROM integrations_connection one WHERE one.id IN (SELECT connection_id FROM fresh) FOR KEY SHARE;
    IF EXISTS (SELECT FROM (SELECT DISTINCT connection_id, company_id FROM fresh) named
        WHERE NOT EXISTS (SELECT FROM integrations_connection one
            WHERE one.id = named.connection_id AND one.company_id = named.company_id)) THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME,
            MESSAGE = 'a person is of no connection of their company';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION integrations_person_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM integrations_connection one
        WHERE one.id = NEW.connection_id AND one.company_id = NEW.company_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME,
            MESSAGE = 'a person is of no connection of their company';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER person_refers AFTER INSERT ON integrations_directoryperson REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION integrations_people_refer();
CREATE TRIGGER person_moves BEFORE UPDATE OF connection_id, company_id ON integrations_directoryperson FOR EACH ROW
    WHEN (OLD.connection_id IS DISTINCT FROM NEW.connection_id OR OLD.company_id IS DISTINCT FROM NEW.company_id)
    EXECUTE FUNCTION integrations_person_moves();
CREATE TRIGGER connection_stays BEFORE UPDATE OF company_id ON integrations_connection FOR EACH ROW
    WHEN (OLD.company_id IS DISTINCT FROM NEW.company_id) EXECUTE FUNCTION integrations_keep_reference();
CREATE TRIGGER connection_referred AFTER DELETE ON integrations_connection REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION integrations_referred('integrations_directoryperson', 'connection_id');
ALTER TABLE integrations_directoryperson DROP CONSTRAINT person_of_connection_and_company"""

_BY_ROW = """
ALTER TABLE integrations_directoryperson
    ADD CONSTRAINT person_of_connection_and_company FOREIGN KEY (connection_id, company_id)
    REFERENCES integrations_connection (id, company_id) DEFERRABLE INITIALLY DEFERRED;
DROP TRIGGER connection_referred ON integrations_connection;
DROP TRIGGER connection_stays ON integrations_connection;
DROP TRIGGER person_moves ON integrations_directoryperson;
DROP TRIGGER person_refers ON integrations_directoryperson;
DROP FUNCTION integrations_person_moves, integrations_people_refer"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0009_references_by_statement")]

    operations = [
        migrations.RunSQL(_CHECKED, _BY_ROW),
        migrations.RemoveConstraint(model_name="connection", name="connection_of_company"),
    ]
