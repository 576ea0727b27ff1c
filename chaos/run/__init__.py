"""One run: who may act, who chooses, and what the tester knows while it goes on."""
