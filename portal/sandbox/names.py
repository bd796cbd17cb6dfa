"""Word lists of the synthetic company. Names are made up by combination; nobody is meant."""

from typing import Final, NamedTuple

FIRST_NAMES: Final = (
    ("Ada", "f"), ("Björn", "m"), ("Chloé", "f"), ("Diego", "m"), ("Elif", "f"), ("Françoise", "f"),
    ("Gökhan", "m"), ("Hannah", "f"), ("Íñigo", "m"), ("Jane", "f"), ("Kofi", "m"), ("Lucía", "f"),
    ("Matthew", "m"), ("Nguyệt", "f"), ("Øystein", "m"), ("Priya", "f"), ("Quentin", "m"), ("Renée", "f"),
    ("Søren", "m"), ("Teresa", "f"), ("Umar", "m"), ("Verónica", "f"), ("Wanda", "f"), ("Xavier", "m"),
    ("Yuki", "f"), ("Zoë", "f"), ("Anthony", "m"), ("Begoña", "f"), ("Çağla", "f"), ("Darius", "m"),
    ("Eoin", "m"), ("Fatima", "f"), ("Grace", "f"), ("Håkan", "m"), ("Ines", "f"), ("José", "m"),
    ("Katarzyna", "f"), ("Łukasz", "m"), ("Mei", "f"), ("Noah", "m"), ("Olena", "f"), ("Paweł", "m"),
    ("Rosa", "f"), ("Sean", "m"), ("Tomáš", "m"), ("Ursula", "f"), ("Victor", "m"), ("Whitney", "f"),
    ("Ximena", "f"), ("Zbigniew", "m"), ("Mary-Ann", "f"), ("Aylin", "f"), ("Benedikt", "m"),
)  # fmt: skip

LAST_NAMES: Final = (
    "Alvarez", "Müller", "Núñez", "O'Brien", "Özdemir", "Nguyen", "Smith-Jones", "Çelik", "Peña", "Sørensen",
    "Kowalski", "Brown", "Dvořák", "Ångström", "García", "Johnson", "Lefèvre", "Okafor", "Patel", "Rossi",
    "Schröder", "Takahashi", "Ünal", "van der Berg", "Williams", "Ibáñez", "Yılmaz", "Zieliński", "Abebe",
    "Bianchi", "Chen", "Davies", "Eriksson", "Fischer", "González", "Haddad", "Ivanova", "Jansen", "Kim",
    "Larsen", "Martin", "Novák", "Oliveira", "Papadopoulos", "Quinn", "Rahman", "Silva", "Tremblay", "Urbina",
    "Vargas", "Weiß", "Xu", "Young", "Zhang", "De la Cruz", "MacLeod", "D'Angelo", "Köhler", "Muñoz",
    "Hernández", "Jørgensen",
)  # fmt: skip

NICKNAMES: Final = {
    "Anthony": "Tony", "Benedikt": "Ben", "Françoise": "Fran", "Katarzyna": "Kasia", "Matthew": "Matt",
    "Teresa": "Tess", "Verónica": "Vero", "Whitney": "Whit", "Zbigniew": "Zbyszek", "Mary-Ann": "Mary",
}  # fmt: skip

# Letters that Unicode decomposition leaves alone; needed for plain addresses.
PLAIN_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "ß": "ss", "ı": "i", "đ": "d", "æ": "ae", " ": "", "'": "", "ö": "oe", "ü": "ue"}
)


class Location(NamedTuple):
    """One site of the company."""

    code: str
    name: str
    street: str
    city: str
    country: str


LOCATIONS: Final = (
    Location("CL01", "Riverside Main Clinic", "1200 Court Street", "Reno", "US"),
    Location("CL02", "Northgate Clinic", "48 Northgate Road", "Sparks", "US"),
    Location("CL03", "Lakeside Outpatient Center", "9 Harbor Drive", "Tahoe City", "US"),
    Location("CL04", "Cañon Family Practice", "310 Main Avenue", "Cañon City", "US"),
    Location("CL05", "Home Care Office", "77 Depot Lane", "Carson City", "US"),
)


class Department(NamedTuple):
    """One department, its pay code, the unit it belongs to and the titles found in it."""

    code: str
    name: str
    unit: str
    titles: tuple[str, ...]


DEPARTMENTS: Final = (
    Department("100", "Nursing", "Patient Care", ("Registered Nurse", "Charge Nurse", "Nurse Practitioner")),
    Department("110", "Emergency Care", "Patient Care", ("Emergency Nurse", "Paramedic", "Triage Nurse")),
    Department("120", "Behavioral Health", "Patient Care", ("Therapist", "Counselor", "Case Manager")),
    Department("200", "Laboratory", "Diagnostics", ("Lab Technician", "Phlebotomist", "Lab Supervisor")),
    Department("210", "Radiology", "Diagnostics", ("Radiology Technician", "Sonographer")),
    Department("300", "Pharmacy", "Support Services", ("Pharmacist", "Pharmacy Technician")),
    Department("400", "Front Desk", "Administration", ("Receptionist", "Scheduler", "Patient Advocate")),
    Department("410", "Finance & Billing", "Administration", ("Billing Specialist", "Accountant", "Analyst")),
)
BUSINESS_UNITS: Final = tuple(dict.fromkeys(department.unit for department in DEPARTMENTS))
