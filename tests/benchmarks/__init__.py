"""`make bench`: what the program takes, beside the least that the same would take, in the sandbox."""
