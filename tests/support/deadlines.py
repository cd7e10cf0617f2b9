"""The deadline of tests for an event that must happen.

A deadline passes only in a test that fails: tests wait for the event, so a long deadline costs nothing on any machine.
Each wait of a test uses it, unless the time itself is what the test is about.
"""

DEADLINE_S = 120.0
