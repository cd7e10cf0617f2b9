"""Authentication and row access: which user a token names, and which rows that user may read and change."""
