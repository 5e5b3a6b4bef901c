"""Line integrals through a volume for tilts about the y axis, and their adjoint, both exact.

Geometry that every file of the tilt series shares: the tilt axis runs along y, the beam along z,
and a point (z, x) from the middle of the box falls on the detector at u = x cos θ + z sin θ. The
volume is the band-limited function that passes through its voxels, so its projection is known
exactly from the Fourier-slice theorem, without interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float32, Float64

WORKING_BYTES = 100e6
"""Size of the largest intermediate array; rows of y are taken so many at a time."""


def detector_width(shape_zyx: tuple[int, int, int]) -> int:
    """Detector columns that hold every voxel of the volume at every tilt; even."""
    return 2 * math.ceil(math.hypot(shape_zyx[0], shape_zyx[2]) / 2 + 2)


def project(
    volume: Float32,
    angles_deg: Float64,
    device: str = "cpu",
    report: Callable[[float], None] | None = None,
) -> Float32:
    """Integrate a volume along the beam at each tilt.

    Parameters
    ----------
    volume : (Z, Y, X) float32
    angles_deg : (T,) float64
        Tilts about y; at 0 the beam runs along z.
    device : str
        "cpu" or "cuda".
    report : callable, optional
        Called with the share (0–1) that is done.

    Returns
    -------
    (T, Y, U) float32
        Sum over voxels along the beam (multiply by the voxel size for Å); U is `detector_width`
        and the tilt axis lies at column U // 2.

    Notes
    -----
    P(k, y) = Σ V(z, y, x) exp(−2πi k (x cos θ + z sin θ)) for k = 0 … U/2 cycles per U columns:
    one product of matrices over x (halved by taking even and odd parts in x; tilts of equal size
    share it), a sum over z, one inverse FFT. Cost: T·Z·Y·X·U/2 multiply-adds, which at box sizes
    up to 1,000 is faster than the chirp transform; extra memory about 2 × `WORKING_BYTES` and
    twice the slab of rows at work.
    """
    depth, rows, width = volume.shape
    columns = detector_width((depth, rows, width))
    where = checked_device(device)
    images = np.empty((len(angles_deg), rows, columns), dtype=np.float32)
    for some in _row_slabs(rows, depth, columns, report):
        slab = torch.from_numpy(np.array(volume[:, some], dtype=np.float32))
        folded = _fold(slab.to(where))  # (2, Z·Y, X/2)
        for size_deg, members in _by_size(angles_deg):
            waves = _waves_x(size_deg, width, columns).to(where)  # (2, K, X/2)
            sums = torch.bmm(waves, folded.transpose(1, 2)).reshape(*waves.shape[:2], depth, -1)
            for tilt in members:
                phases = _phases_z(float(angles_deg[tilt]), depth, columns).to(where)
                spectrum = torch.bmm(phases[0], sums[0]).baddbmm_(phases[1], sums[1])  # (K, 2, Y)
                images[tilt, some] = _to_image(spectrum, columns).cpu().numpy()
    return images


def back_project(
    images: Float32,
    angles_deg: Float64,
    shape_zyx: tuple[int, int, int],
    device: str = "cpu",
    report: Callable[[float], None] | None = None,
) -> Float32:
    """Smear each image back along its beam and add up: the exact adjoint of `project`.

    Parameters
    ----------
    images : (T, Y, U) float32
        With the tilt axis at column U // 2.
    angles_deg : (T,) float64
        Tilts about y.
    shape_zyx : tuple of int
        Of the volume; Y must be that of the images.
    device : str
        "cpu" or "cuda".
    report : callable, optional
        Called with the share (0–1) that is done.

    Returns
    -------
    (Z, Y, X) float32
        Each voxel is the sum over tilts of the image where the voxel's shadow falls, taken from
        the trigonometric interpolation of the image.

    Raises
    ------
    MembraneSegError
        If the rows of images and volume differ in number.
    """
    depth, rows, width = shape_zyx
    if images.shape[1] != rows:
        raise MembraneSegError(
            f"the images have {images.shape[1]} rows and the volume {rows}, expected the same "
            "number; give the volume the images' Y"
        )
    columns = images.shape[2]
    where = checked_device(device)
    volume = np.empty(shape_zyx, dtype=np.float32)
    for some in _row_slabs(rows, depth, columns, report):
        count = some.stop - some.start
        folded = torch.zeros(2, depth * count, (width + 1) // 2, device=where)
        for size_deg, members in _by_size(angles_deg):
            waves = _waves_x(size_deg, width, columns).to(where)
            sums = torch.zeros(2, waves.shape[1], depth, count, device=where)
            for tilt in members:
                phases = _phases_z(float(angles_deg[tilt]), depth, columns).to(where)
                image = torch.from_numpy(np.array(images[tilt, some], dtype=np.float32))
                spectrum = _to_spectrum(image.to(where))  # (K, 2, Y)
                for part in (0, 1):
                    sums[part].baddbmm_(phases[part].transpose(1, 2), spectrum)
            folded.baddbmm_(sums.reshape(*waves.shape[:2], -1).transpose(1, 2), waves)
        volume[:, some] = _unfold(folded, depth, width).cpu().numpy()
    return volume


def checked_device(device: str) -> torch.device:
    """Return torch's device of that name, or say in one sentence that there is none."""
    if device not in ("cpu", "cuda"):
        raise MembraneSegError(f"device is '{device}', expected cpu or cuda; give one of them")
    if device == "cuda" and not torch.cuda.is_available():
        raise MembraneSegError("device is 'cuda' but torch sees no GPU here; give cpu")
    return torch.device(device)


def _row_slabs(
    rows: int, depth: int, columns: int, report: Callable[[float], None] | None
) -> Iterator[slice]:
    """Rows of y to take at a time, so that the sums over x stay below WORKING_BYTES."""
    count = max(1, int(WORKING_BYTES / (8 * (columns // 2 + 1) * depth)))
    slabs = math.ceil(rows / count)
    for index in range(slabs):
        yield slice(index * rows // slabs, (index + 1) * rows // slabs)
        if report is not None:
            report((index + 1) / slabs)


def _by_size(angles_deg: Float64) -> list[tuple[float, list[int]]]:
    """Tilts grouped by |angle|: they share cos θ and with it the sum over x."""
    groups: dict[float, list[int]] = {}
    for index, angle in enumerate(angles_deg):
        groups.setdefault(abs(float(angle)), []).append(index)
    return list(groups.items())


def _fold(slab: torch.Tensor) -> torch.Tensor:
    """Even and odd parts in x of a slab (Z, Y, X) for x ≥ 0 → (2, Z·Y, ceil(X/2))."""
    width = slab.shape[2]
    flipped = slab.flip(2)
    parts = torch.stack([slab + flipped, slab - flipped])[..., width // 2 :]
    if width % 2 == 1:
        parts[..., 0] *= 0.5  # the middle column is its own mirror image
    return parts.reshape(2, -1, parts.shape[-1])


def _unfold(folded: torch.Tensor, depth: int, width: int) -> torch.Tensor:
    """Adjoint of `_fold`: (2, Z·Y, ceil(X/2)) → (Z, Y, X)."""
    even, odd = folded.reshape(2, depth, -1, folded.shape[-1])
    left = (even - odd).flip(2)[..., : width // 2]
    return torch.cat([left, even + odd], dim=2)


def _waves_x(angle_deg: float, width: int, columns: int) -> torch.Tensor:
    """Cosine and sine of 2π k x cos θ for x ≥ 0, (2, K, ceil(X/2)) float32."""
    k = torch.arange(columns // 2 + 1, dtype=torch.float64)[:, None] / columns
    x = torch.arange(width // 2, width, dtype=torch.float64) - (width - 1) / 2
    turns = 2 * math.pi * math.cos(math.radians(angle_deg)) * k * x
    return torch.stack([torch.cos(turns), torch.sin(turns)]).float()


def _phases_z(angle_deg: float, depth: int, columns: int) -> torch.Tensor:
    """How the even and the odd part at height z enter Re and Im of P(k), (2, K, 2, Z) float32."""
    k = torch.arange(columns // 2 + 1, dtype=torch.float64)[:, None] / columns
    z = torch.arange(depth, dtype=torch.float64) - (depth - 1) / 2
    turns = 2 * math.pi * math.sin(math.radians(angle_deg)) * k * z
    cosine, sine = torch.cos(turns), torch.sin(turns)
    even, odd = torch.stack([cosine, -sine], dim=1), torch.stack([-sine, -cosine], dim=1)
    return torch.stack([even, odd]).float()


def _to_image(spectrum: torch.Tensor, columns: int) -> torch.Tensor:
    """Spectrum (K, 2, Y) of rows centred on the tilt axis → image (Y, U)."""
    waves = torch.complex(spectrum[:, 0], spectrum[:, 1]).T
    image: torch.Tensor = torch.fft.irfft(waves, n=columns, dim=1)
    return image.roll(columns // 2, dims=1)


def _to_spectrum(image: torch.Tensor) -> torch.Tensor:
    """Adjoint of `_to_image`: image (Y, U) → (K, 2, Y)."""
    columns = image.shape[1]
    waves = torch.fft.rfft(image.roll(-(columns // 2), dims=1), dim=1).T / columns
    both = torch.stack([waves.real, waves.imag], dim=1)
    last = (columns + 1) // 2  # 0 and Nyquist stand for themselves, the others for ± k
    both[1:last] *= 2.0
    return both
