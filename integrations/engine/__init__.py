"""The pure part of a sync: from a vendor's records to the lines of a plan. No Django, no I/O, no clock."""
