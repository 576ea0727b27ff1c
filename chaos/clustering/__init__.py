"""Jobs for machines that share no files with this one."""
