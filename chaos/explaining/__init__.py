"""A small failure in words: its story, why each step is needed, when it became likely."""
