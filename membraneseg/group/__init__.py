"""From probability to fragments, and from fragments to membranes."""
