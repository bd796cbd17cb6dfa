"""What several tests need: people, requests, a queue that is worked off, a sandbox."""
