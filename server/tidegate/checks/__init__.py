"""The contract check: Schemathesis generates messages, a running gateway answers, and Python jsonschema judges.

The gateway uses neither tool, and nothing here imports `tidegate.contract`: the judge shares no code with what it
judges. `tidegate check contract` runs the check; docs/reference/contract-tests.md explains it.
"""
