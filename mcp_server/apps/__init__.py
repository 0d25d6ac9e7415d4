"""MCP Apps: documents that a client shows beside a tool's result, where it can. Their text is put together here."""
