"""What several tests need: people, requests, a queue that is worked off, a sandbox."""

PEOPLE = 40  # who work at the sandbox's company, unless a test wants another size
