"""The data layer over PostgreSQL while the gateway serves."""
