"""Ground states by simulated annealing: schedules, reads on several kernels, certificates; solutions of TAP."""
