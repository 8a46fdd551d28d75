"""How data come in: checked, in blocks or partitions, and as moments that add up."""
