"""What a synthetic slice may look like: every range that is drawn from."""

# ruff: noqa: RUF009 - _range makes dataclass fields

from __future__ import annotations

from dataclasses import dataclass, field

Range = tuple[float, float]


def _range(low: float, high: float, text: str) -> Range:
    value: Range = field(default=(low, high), metadata={"help": text})
    return value


@dataclass(frozen=True)
class SliceConfig:
    """Ranges from which one synthetic slice is drawn; uniform unless the help says log.

    Parameters
    ----------
    size_px : int
        Edge of the square slice in pixels; even.
    context : int
        Number of adjacent slices drawn together (odd); the labels are those of the middle one.
    """

    size_px: int = field(default=160, metadata={"help": "edge of the square slice"})
    context: int = field(default=3, metadata={"help": "adjacent slices drawn together, odd"})
    pixel_size_A: Range = _range(6.0, 20.0, "pixel size, log")
    tilt_range_deg: Range = _range(38.0, 68.0, "half the tilt range")
    defocus_um: Range = _range(1.5, 8.0, "underfocus")
    amplitude_contrast: Range = _range(0.05, 0.12, "amplitude contrast")
    low_frequency_gain: Range = _range(0.0, 1.0, "how far low frequencies are restored, 0 to 1")
    resolution_A: Range = _range(16.0, 70.0, "where the envelope has fallen to 1/e, log")
    leaflet_spacing_A: Range = _range(32.0, 43.0, "distance of the two leaflets")
    contrast_to_noise: Range = _range(0.65, 7.0, "membrane minimum over noise deviation, log")
    noise_deviation: float = field(
        default=1.0, metadata={"help": "deviation of the noise; contrasts are given for 1"}
    )
    body_radius_A: Range = _range(90.0, 3500.0, "equivalent radius of closed bodies, log")
    deformation: Range = _range(0.0, 0.10, "relative amplitude of the deformation")
    body_count: tuple[int, int] = field(default=(0, 9), metadata={"help": "closed bodies"})
    sheet_count: tuple[int, int] = field(default=(0, 2), metadata={"help": "open sheets"})
    globules_per_um2: Range = _range(200.0, 25000.0, "soluble proteins in the slice, log")
    faintest_protein: float = field(
        default=0.5, metadata={"help": "contrast in noise deviations below which it is unknown"}
    )
    filament_count: tuple[int, int] = field(default=(0, 5), metadata={"help": "filaments"})
    stalked_share: float = field(
        default=0.0, metadata={"help": "share of slices whose membranes carry stalked heads"}
    )
    stalked_heads_per_um: Range = _range(5.0, 60.0, "stalked heads per µm of membrane")
    ice_gradient: Range = _range(0.0, 0.0, "relative change of the ice's thickness, edge to edge")
    radial_filter_share: float = field(
        default=0.4, metadata={"help": "share of slices that a radial filter has smoothed along x"}
    )
    radial_cutoff: Range = _range(0.06, 0.35, "where that filter begins, cycles per pixel")
    label_thickness_A: float = field(default=50.0, metadata={"help": "thickness of the label"})

    def __post_init__(self) -> None:
        if self.size_px < 32 or self.size_px % 2:
            raise ValueError(f"size_px is {self.size_px}: give an even number of at least 32")
        if self.context < 1 or self.context % 2 == 0:
            raise ValueError(f"context is {self.context}: give an odd number, 1 or more")
        if self.noise_deviation < 0:
            raise ValueError(f"noise_deviation is {self.noise_deviation}: give 0 or more")
        if self.pixel_size_A[0] <= 0:
            raise ValueError(f"pixel_size_A starts at {self.pixel_size_A[0]}: must be positive")
