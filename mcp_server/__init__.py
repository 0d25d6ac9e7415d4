"""MCP server, Python client and embedded API for VideoVector's cloud-storage connectors.

Nothing is imported here: a client of one room does not pay for the others. The version has its only home below.
"""

__version__ = "0.1.0"
