"""One run: the actors outside the target, the choices, and the tester's knowledge while the run goes on."""
