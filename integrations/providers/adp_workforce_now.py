"""ADP Workforce Now: HR and payroll, read through API Central."""

from integrations.providers._adp import adp

PROVIDER = adp("adp_workforce_now", "ADP Workforce Now")
