"""From a group of fragments to a surface, its labels and its measures."""
