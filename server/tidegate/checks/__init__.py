"""Does a running gateway keep its contract? Messages of Schemathesis' making, judged by Python jsonschema.

Neither tool is part of the gateway, and nothing here asks `tidegate.contract`: whoever decides is not who is checked.
`tidegate check contract` runs it; docs/reference/contract-tests.md says how.
"""
