"""Words as the search knows them, and an index of companies by them.

`search_words` folds case and accents with what PostgreSQL itself brings: no extension is needed. It names nothing
outside pg_catalog, so that a restored dump can build the index.
"""

from __future__ import annotations

from django.db import migrations

# lower() leaves these alone where the database's locale is C.
_UPPER = "".join(map(chr, [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x410, 0x430)]))
_LOWER = _UPPER.lower()
_LETTERS, _PLAIN = "øłđıœæþ", "oldioap"
# Between words, as portal.searching has it.
_BETWEEN = r"[\x01-/:-@\[-`{-\xbf\xd7\xf7\u2000-\u206f\u3000-\u303f]+".replace("'", "''")

_CREATE = f"""
CREATE FUNCTION search_words(said text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT to_tsvector('pg_catalog.simple'::regconfig, regexp_replace(
        replace(lower(translate(
            regexp_replace(normalize(left(said, 20000), NFKD), '[\u0300-\u036f]', '', 'g'),
            '{_UPPER}{_LETTERS}{_LETTERS.upper()}', '{_LOWER}{_PLAIN}{_PLAIN}'
        )), 'ß', 'ss') COLLATE "C",
        '{_BETWEEN}', ' ', 'g'))
$$;
CREATE INDEX company_words ON accounts_company USING gin (search_words(name || ' ' || lms_id));
"""

_DROP = "DROP INDEX company_words; DROP FUNCTION search_words(text);"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_codes_and_languages")]

    operations = [migrations.RunSQL(_CREATE, _DROP)]
