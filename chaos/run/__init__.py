"""One run: which steps are offered, which is chosen, and what the tester knows while the run goes on."""
