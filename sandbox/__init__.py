"""The sandbox: the real parts around the program, on one machine, with nothing sent beyond it."""
