"""Mathematics and nouns: numpy only."""
