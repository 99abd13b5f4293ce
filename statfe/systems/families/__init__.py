"""One dynamical system a file, each with a `FAMILY`."""
