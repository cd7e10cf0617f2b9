"""SQL that both databases share: filters as conditions, quoted names, JSON values."""
