"""A story per tool: MCP client, server process, embedded API, storage emulator; no mocks."""
