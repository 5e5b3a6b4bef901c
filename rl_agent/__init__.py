"""Grouping as a walk: environments that know no voxels, files or Å."""
