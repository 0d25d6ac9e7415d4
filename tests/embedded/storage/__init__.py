"""Storage access, against running emulators and against servers that misbehave."""
