"""One module a revision. A revision that was released never changes again, so it names no table of `tables`."""
