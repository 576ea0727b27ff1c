"""The tester: it chooses the steps of a run, records them and judges the results."""
