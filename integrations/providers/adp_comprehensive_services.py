"""ADP Comprehensive Services: HR and payroll, read through API Central."""

from integrations.providers._adp import adp

PROVIDER = adp("adp_comprehensive_services", "ADP Comprehensive Services")
