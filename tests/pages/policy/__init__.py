"""Who may call what: every address, with every role and method, on rows of their own, of others and of nobody."""
