"""The developer's pages for applications: registering one, the own list, secrets."""
