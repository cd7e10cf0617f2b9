"""Conditions on rows that the gateway keeps up to date: whether a row exists that matches a filter."""
