"""What breaks around a server that runs: its API, its database, its disk, its connections. Each is broken for real."""
