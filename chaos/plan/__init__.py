"""What to do: experiments (values), and the plan that a seed draws from one."""
