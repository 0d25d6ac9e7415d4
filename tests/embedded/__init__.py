"""Tests of the embedded Connectors API, on real files and, where HTTP matters, real sockets."""
