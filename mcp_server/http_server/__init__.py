"""The MCP server over HTTP: who may call, how requests are bounded, and the processes that serve them."""
