"""What a solver sees of the data: the design itself, or its second moments."""
