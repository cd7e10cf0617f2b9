"""Who a token says it is, and which rows that user may see and change."""
