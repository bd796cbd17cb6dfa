"""ADP TotalSource: HR and payroll, read through API Central."""

from integrations.providers._adp import adp

PROVIDER = adp("adp_totalsource", "ADP TotalSource")
