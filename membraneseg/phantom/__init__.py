"""Phantom tomograms with perfect truth: scene → potential → tilt series → tomogram.

`simulate.simulate_phantom` is the way in; `config.PhantomConfig` holds every setting and
`presets.PRESETS` six ready-made scenes.

============ =======================================================================================
scene        `build` puts it together in a `box`; recipes: `liposomes`, `tubes`, `sheets`,
             `mitochondria` (`folding` places cristae), `synapse` (with its `vesicle_cloud`)
shapes       `shapes` (the protocol, bodies, sheets), `tubular`, `plates`, `cristae`, `bouton`;
             `blends` rounds creases, `paths` wander, `placement` keeps them apart
membranes    `membranes` (a bilayer on a shape, its mesh), `bilayers` (on the voxel grid)
molecules    `beads` (what a molecule is, deposit, labels), `molecules` (built-in ones) of `solids`,
             `atoms` (from structure files), `helices` of `filaments`; `rotations`
packing      `occupancy`, `packing`, `crowd`, `embed`, `filaments` along `centre_lines` of `chains`
the ice      `ice`, `carbon`, `fluid` (what is dissolved)
the voxels   `drawing`: potential and true labels
microscope   `tilt_scheme`, `projection` (exact), `microscope` (CTF, dose, detector), `imaging` (one
             exposure), `tilt_series` (counts), `reconstruction` (weighted back-projection)
output       `scene` (what comes out), `files`, `truth_tables`, `euler`; `ranges` for sets
============ =======================================================================================
"""
