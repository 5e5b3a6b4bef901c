#!/usr/bin/env bash
# The phantoms of the shipped vesicle network: synapses of small, usual and large vesicles and of
# none, and the other presets, whose membranes are mostly no vesicles; parameters from wide ranges.
# About 12 minutes of one core.
set -euo pipefail
folder=${1:?usage: simulate_vesicle_set.sh FOLDER}
simulate() { # name, preset, seed, number, shape, voxel sizes in Å, further settings
  local name=$1 preset=$2 seed=$3 number=$4 shape=$5 sizes=$6
  membraneseg simulate "$preset" -o "$folder/$name" --count "$number" --seed "$seed" --resume \
    --set "shape_zyx=$shape" --set "ranges.voxel_size_A=$sizes" \
    --set "ranges.tilt_range_deg=[38,66]" --set "ranges.dose_e_per_A2=[20,150]" \
    --set "ranges.defocus_um=[2,8]" "${@:7}"
}
simulate usual synapse 81 8 "[84,240,240]" "[11,14.5]" --set synapse.endosome_count=3
simulate coarse synapse 82 5 "[64,184,184]" "[15,20]" --set synapse.endosome_count=3
simulate fine synapse 83 2 "[116,336,336]" "[8,10]" --set synapse.endosome_count=2
simulate small synapse 84 3 "[84,240,240]" "[11,15]" \
  --set synapse.vesicle_diameter_nm=33 --set synapse.vesicle_diameter_sd_nm=4
simulate large synapse 85 4 "[72,208,208]" "[13,20]" \
  --set synapse.vesicle_diameter_nm=54 --set synapse.vesicle_diameter_sd_nm=7
simulate empty synapse 86 2 "[84,240,240]" "[11,18]" --set synapse.endosome_count=0 \
  --set synapse.vesicle_count_min=0 --set synapse.vesicle_count_max=0
simulate cell cell 87 4 "[64,192,192]" "[9,18]"
simulate mitochondrion mitochondrion 88 4 "[72,224,224]" "[9,16]"
simulate liposomes liposomes 89 3 "[64,192,192]" "[9,18]"
simulate nested nested 90 3 "[64,192,192]" "[9,18]"
simulate tubes tubes 91 3 "[64,192,192]" "[9,18]"
