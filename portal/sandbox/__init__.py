"""Stand-ins for every outside system, over real HTTP and SMTP. Made-up people, public credentials."""
