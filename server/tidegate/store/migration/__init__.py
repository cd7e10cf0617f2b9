"""What both databases share when tables are made and changed."""
