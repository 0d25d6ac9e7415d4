"""Where a secret comes from when no argument holds it: the operator's named credentials, or the person's page."""
