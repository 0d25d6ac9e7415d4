"""Measurements: each prints a figure of ours beside a reference taken in the same run. No test here, no time limit."""
