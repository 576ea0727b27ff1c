"""A small failure in words: its story, the need for each step, and the moment when it became likely."""
