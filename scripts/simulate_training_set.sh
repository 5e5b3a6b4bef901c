#!/usr/bin/env bash
# The phantoms of the shipped weights: 57 of the six presets, parameters drawn from wide ranges.
# Seed 20 is for training; scripts/score_network.py uses others. About 12 minutes on 2 cores.
set -euo pipefail
folder=${1:?usage: simulate_training_set.sh FOLDER}
simulate() { # preset, number, shape, voxel sizes in Å
  membraneseg simulate "$1" -o "$folder/$1" --count "$2" --seed 20 --resume \
    --set "shape_zyx=$3" --set "ranges.voxel_size_A=$4" --set "ranges.tilt_range_deg=[38,66]" \
    --set "ranges.dose_e_per_A2=[30,150]" --set "ranges.defocus_um=[2,8]"
}
simulate cell 12 "[64,224,224]" "[8,19]"
simulate liposomes 10 "[64,224,224]" "[8,20]"
simulate mitochondrion 8 "[72,256,256]" "[9,18]"
simulate synapse 7 "[88,256,256]" "[11,16]"
simulate tubes 10 "[64,224,224]" "[8,20]"
simulate nested 10 "[64,224,224]" "[8,20]"
