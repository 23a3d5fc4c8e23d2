"""How a build is compared with what it was built from, and with upstream."""
