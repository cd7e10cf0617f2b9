"""What the migrations of both databases share: steps, the loop that takes them, checks of rows, refusals, files."""
