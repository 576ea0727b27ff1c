"""Running a stored failure again: by its steps, many times, or as a regression."""
