"""One file a kernel; each has a `KERNEL`, found by `statfe.sampling.choice`."""
