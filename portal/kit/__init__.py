"""The bottom of the machine: egress, queue, vault, clock, text. No domain and no tables."""
