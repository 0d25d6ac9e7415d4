"""The embedded Connectors API: the vendor's endpoints over real storage, in process or alone. No MCP, no client."""
