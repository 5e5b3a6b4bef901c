"""From voxels to the probability of a membrane."""
