"""What never leaves a source, whatever the vendor calls it: the words of sensitive fields, English and German.

The topics are those of hris-apis.md §4.3. Where a card cannot ask for fields by name, `blocked` takes the rest
out of a record before anything is computed from it; lists of fields to choose from are cut by `is_sensitive`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

# Topic, as pages say it -> patterns over the words of a name: lower case, no accents, one space between words.
TOPICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Government, social security and tax numbers": (
            r"\bssn|\bsin\b|\bnin\b|\bnino\b|\bbsn\b|\bdni\b|\bnif\b|\bcpf\b|\bnric\b|\bahv\b|\bnis ?number|\bpps\b|"
            r"aadhaar|personnummer|\bcurp\b|\bi?tin\b|\btfn\b|\bpesel\b|social ?(security|insurance)|"
            r"\bsoc(ial)? ?(sec|ins)\b|national ?(id|no|number|insurance)|\bni ?(no|number)|government|"
            r"identity ?(card|number|document)|\bid ?card|^id ?nr$|\bdriv(er ?s?|ing) ?licen[cs]e|"
            r"\btax(es|id|code|number|payer|ation)?\b|sozialversicherung|\b[sr]v ?(nr|nummer)|\bst ?nr\b|personalausweis|"
            r"\bperso(ausweis)?\b|\bausweis|steuer(?!ung|berat|fach)|rentenversicherung|\bfuehrerschein"
        ),
        "Gender and sexual orientation": r"\bgender|\bsex\b|\bsexual|\bsexuell|geschlecht|\bpronouns?\b",
        "Ethnicity and race": r"\bethni|\brace\b|\bracial|\bcaste\b|\bhispanic|\blatin[aox]\b|hautfarbe|\brasse\b",
        "Birth date, age and place of birth": (
            r"birth|\bdo ?b\b|\bb ?day|\bborn\b|\bage\b|geburt|geboren|\balter\b|\balters(?!vorsorge)|lebensalter|"
            r"^geb$|\bgeb ?(dat|am\b|ort|tag|jahr|name|land)"
        ),
        "Salary, pay and bonuses": (
            r"salar(y|ies)|\bwages?\b|\bpay\b|\bpay(roll|ments?|slips?|check|out|rate|grade|group|scale|band|day)\b|"
            r"compensation|^comp$|\b(base|total|annual|variable|target|cash) ?comp\b|\bote\b|"
            r"remuneration|\bbonus|\bincentive|\ballowance|\bstipend|\bseverance|\bcommissions?\b|"
            r"\bequity\b|stock ?(option|grant|unit)|\bearnings?\b|\bincome\b|\bpension|\bbenefits?\b|garnishment|"
            r"(hourly|daily|weekly|monthly|annual|yearly|base|billing|cost|labou?r|day|hour) ?rate|^rate$|"
            r"cost per hour|(?<!ab)gehalt|(?<!be)lohn|verguetung|entgelt|besoldung|tarifgruppe|praemie|\bprovision|"
            r"\bbrutto|\bnetto|zulage|stundensatz|tagessatz|einkommen|verdienst|\bbezuege|\brente\b|altersvorsorge|abfindung"
        ),
        "Bank accounts": (
            r"\biban\b|\bbic\b|\bswift|\bbank(?! holiday)|account ?(number|n[or]\b|holder)|routing ?number|"
            r"^acct$|\bacct? ?(number|n[or]\b)|sort ?code|credit ?card|kontonummer|kontoinhaber|\bkonto(nr)?\b|"
            r"\bkto(nr)?\b|girokonto|\bblz\b|kreditkarte"
        ),
        "Marital status, family and emergency contacts": (
            r"\bmarital|\bmarriage|\bmarried|\bspous|(domestic|life|civil) ?partner|\bdepend[ae]nts?\b|"
            r"\bchild(ren)?\b|\bkids\b|(?<!mid )\bwife\b|\bhusband\b|next of kin|family ?status|"
            r"emergency ?(contact|name|person|address|phone|tel|mobile|cell|number|no\b)|"
            r"maiden|maternity|paternity|parental ?leave|pregnan|\bfam(ilien)? ?stand|ehe(partner|gatt|frau|mann)|"
            r"lebenspartner|verheiratet|\bkinder(?!garten|tages)|elternzeit|mutterschutz|schwanger|"
            r"notfall ?(kontakt|name|person|adresse|telefon|tel\b|handy|mobil|nummer|nr\b)"
        ),
        "Home address and private phone": (
            r"\bhome ?(addr|adresse|location|phone|mobile|telephone|tel\b|cell|city|town|street|zip|post|state|"
            r"county|country|contact|number)|\b(privat(e[nrs]?)?|personal) ?(addr|adresse|phone|mobile|telephone|"
            r"telefon|tel\b|number|cell|city|street)|\bprivat(e[nrs]?)? ?(anschrift|nummer|nr\b|handy|mobil)|"
            r"\b(phone|telephone|telefon|tel|mobile?|cell)( ?(number|nummer|n[or]))? ?(private?|personal|home)\b(?! office)|"
            r"\bresiden(ce|tial)|wohn(ort|sitz|anschrift|adresse)|hausnummer"
        ),
        "Religion and political opinion": (
            r"\breligi|\bfaith\b|\bchurch|denomination|konfession|\bkirche|\bpolitical|\bpolitisch"
        ),
        "Nationality, citizenship, passports and permits": (
            r"nationalit|^nation$|citizen|passport|\bvisas?\b|immigration|work ?permit|"
            r"work ?(authori[sz]ation|eligibility)|right to work|staatsang|staatsbuerger|reisepass|"
            r"\bpass ?(number|nummer|n[or]\b)|"
            r"aufenthalt|arbeitserlaubnis|arbeitsgenehmigung"
        ),
        "Health and disability": (
            r"\bdisab|\bhandicap|\bhealth(?! (and )?safety| ?care)|"
            r"\bmedical(?! (special|licen|depart|unit|team|field|direct))|\billness|\bsick|\bdisease|\bvaccin|"
            r"\bcovid|\bblood|\ballerg|\binjur|\bdietary|\bsmoker|\btobacco|\bveteran|\bmilitary|biometric|"
            r"fingerprint|genetic|krank(?!enhaus|enpfleg|enschwest)|gesundheit|behinder|schwerbeh|\bgd ?b\b|\bimpf|militaer"
        ),
        "Trade union membership": r"\bunions?\b|gewerkschaft|betriebsrat",
        "Criminal records and background checks": (
            r"\bcriminal|\bconviction|\bfelony|background ?check|\bdbs\b|fuehrungszeugnis|vorstraf|strafregister"
        ),
        "Performance, discipline and reasons for leaving": (
            r"performance ?(rating|review|score)|disciplin|(termination|leaving|absence) ?reason|"
            r"reason ?for ?(leaving|termination|absence)|kuendigungsgrund|austrittsgrund|abmahnung"
        ),
        "Photos and passwords": (
            r"\bphoto|\bpicture|\bavatar|headshot|lichtbild|passbild|foto\b|passwor[dt]|kennwort"
        ),
    }
)

# In words, for the page on which a customer agrees: what is read is listed beside it.
NEVER_READ: Final[tuple[str, ...]] = tuple(TOPICS)

# Harmless at work and private at home: these are sensitive unless the name says that they are of work.
_PLACE: Final = re.compile(
    r"\baddr(ess(es)?)?\b|\bmailing ?address|\badresse|\banschrift|\bstreet|\bstrasse|\bzip\b|\bzip ?code|"
    r"\bpost(al)? ?code|\bplz\b|\bmobil(es?)?\b|\bmobile ?(phone|number)|\bmobil(nummer|nr\b|funk)|mobiltelefon|"
    r"\blandlines?\b|^cell$|\bcell ?(phone|number|n[or]\b)|\bhandy"
)
_OF_WORK: Final = re.compile(
    r"\bwork|\boffice|\bbusiness|\bcompany|\bcorporate|\bsite\b|\bbranch|\bstore\b|\bplant\b|\bfacility|\bclinic|"
    r"\bemployer|\bbuilding|\blocation|\be ?mail|\bmail\b|\bmailadress|\bip\b|\bweb|\bmac\b|\barbeit|\bdienst|"
    r"\bfirm|\bfilial|\bbetrieb|\bbuero|\bstandort|\bgeschaeft|\bniederlassung|\bunternehmen|\bmobile? (work|app)"
)
_SENSITIVE: Final = re.compile("|".join(f"(?:{pattern})" for pattern in TOPICS.values()))
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
# Where a word ends inside a name: helloWorld, SSNNumber, address1.
_HUMP: Final = re.compile(
    r"(?<=[a-zß-ÿ0-9])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][a-zß-ÿ])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])"
)
# An abbreviation with a point or a space after each letter: D.O.B., S S N.
_SPELLED_OUT: Final = re.compile(r"\b[a-z](?: [a-z]\b)+")
# Vendors send a field of a customer's own making as an object that names itself beside its value. Only a field has a
# "fieldName"; a department has a name, too, and may be called "Payroll": beside no value it is none.
_NAMES_FIELD: Final = re.compile(r"^(custom ?)?field ?(name|label|title|key)$|^custom ?field$")
_NAMES_ITSELF: Final = re.compile(
    r"^((display|attribute) ?)?(name|label|title|key)$|^(name ?code|caption|question|field|attribute|definition)$"
)
_IS_VALUE: Final = re.compile(
    r"values?$|^data$|\b(contents?|answers?|responses?|choices?|selected|input|text)$"
)


@lru_cache(maxsize=20_000)
def words_of(name: str) -> str:
    """The words of a name: camelCase, snake_case and labels become lower-case words with one space between.

    Letters that stand alone, one after the other, are one word: "D.O.B." is "dob".
    """
    spaced = _HUMP.sub(" ", unicodedata.normalize("NFC", name)).lower().translate(_GERMAN)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    words = " ".join(re.findall(r"[a-z0-9]+", plain))
    return _SPELLED_OUT.sub(lambda letters: letters[0].replace(" ", ""), words)


@lru_cache(maxsize=20_000)
def is_sensitive(name: str, inside: str = "") -> bool:
    """Whether a field of this name is never read. `inside` is the name of the object that holds it.

    "homeWorkLocation" and its "address" are of work; "address" alone is somebody's home.
    """
    own = words_of(name)
    both = f"{words_of(inside)} {own}" if inside else own
    if _SENSITIVE.search(own) or (inside and _SENSITIVE.search(both)):
        return True
    return bool(_PLACE.search(own)) and not _OF_WORK.search(both)


def blocked(record: Mapping[str, Any], also: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The record without what is sensitive, at any depth. `also` are more names on its first level."""
    return _object(record, "", also)


def _object(value: Mapping[str, Any], inside: str, also: frozenset[str] = frozenset()) -> dict[str, Any]:
    kept = {name: value[name] for name in _harmless(tuple(value), inside, also)}
    for name in [name for name, part in kept.items() if part.__class__ in _HOLDERS]:
        part = kept[name]
        if part.__class__ is list:
            kept[name] = _list(part, name)
        elif _is_named(part):
            del kept[name]
        else:
            kept[name] = _object(part, name)
    return kept


def _list(value: list[Any], inside: str) -> list[Any]:
    return [
        _inner(part, inside) if part.__class__ in _HOLDERS else part
        for part in value
        if not (part.__class__ is dict and _is_named(part))
    ]


def _inner(value: Any, inside: str) -> Any:
    return _list(value, inside) if value.__class__ is list else _object(value, inside)


@lru_cache(maxsize=5_000)
def _harmless(names: tuple[str, ...], inside: str, also: frozenset[str]) -> tuple[str, ...]:
    """Of the names in one object; remembered, for the records of a list have the same ones."""
    return tuple(name for name in names if name not in also and not is_sensitive(name, inside))


_HOLDERS: Final[frozenset[type]] = frozenset({dict, list})


def _is_named(value: Mapping[str, Any]) -> bool:
    """An object such as {"label": "Shirt size", "value": "M"} whose own label is sensitive."""
    return any(map(_is_sensitive_label, [value[key] for key in _own_names(tuple(value))]))


def _is_sensitive_label(label: Any) -> bool:
    """Of a text, or of an object with one of several names for it."""
    if label.__class__ is str:
        return is_sensitive(label)
    return label.__class__ is dict and any(
        is_sensitive(one) for one in label.values() if one.__class__ is str
    )


@lru_cache(maxsize=5_000)
def _own_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The keys under which an object with these names tells what its value is."""
    words = {name: words_of(name) for name in names}
    has_value = any(map(_IS_VALUE.search, words.values()))
    return tuple(
        name
        for name, said in words.items()
        if _NAMES_FIELD.search(said) or (has_value and _NAMES_ITSELF.search(said))
    )


def label_of(value: Any) -> str:
    """A label as text, or as an object with one of several names for it (hris-apis.md 1.1); "" for none."""
    if value.__class__ is dict:
        value = value.get("shortName") or value.get("longName") or value.get("codeValue")
    return value if isinstance(value, str) else ""
