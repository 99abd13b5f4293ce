"""Free energies a site as N grows: replica theory of SK and Hopfield, the cavity method on random regular graphs."""
