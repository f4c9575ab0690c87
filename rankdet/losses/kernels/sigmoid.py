"""The sigmoid and the cross entropy of a pair, for kernels."""

import triton
import triton.language as tl

CLAMP = tl.constexpr(100.0)  # as PyTorch's binary cross entropy


@triton.jit
def log_one_plus(x):
    """``log(1 + x)`` for 0 ≤ x ≤ 1, to 2e-7 of its value: a Chebyshev fit of ``log(1 + x) / x``.

    The GPU's own logarithm has too few correct digits for arguments near 1.
    """
    total = 0.01954252743780671 - 0.0031760570527694654 * x
    total = -0.056373613209643736 + x * total
    total = 0.10543623839523661 + x * total
    total = -0.15269667104466478 + x * total
    total = 0.19663274269437392 + x * total
    total = -0.24951616265725854 + x * total
    total = 0.33329710499262943 + x * total
    total = -0.49999892648080163 + x * total
    return x * (0.9999999946562934 + x * total)


@triton.jit
def logistic(z):
    """Returns σ(z) and ``exp(-|z|)``, without overflow."""
    small = tl.exp(-tl.abs(z))
    whole = 1 / (1 + small)
    return tl.where(z >= 0, whole, small * whole), small


@triton.jit
def slope_of(z, window, OFFICIAL: tl.constexpr):
    """The derivative of ``BCE(σ(z), 0)`` by z; 0 outside the window."""
    sigma, _small = logistic(z)
    if OFFICIAL:
        sigma = tl.where(1 - sigma == 0, 0.0, sigma)
    return tl.where(z <= -window, 0.0, sigma)


@triton.jit
def cross_entropy(z, window, OFFICIAL: tl.constexpr):
    """Returns σ(z) and BCE(σ(z), 0); both are 0 outside the window."""
    sigma, small = logistic(z)
    if OFFICIAL:
        rest = 1 - sigma
        low = tl.minimum(sigma, 0.5)
        near = log_one_plus(low / (1 - low))  # -log(1 - σ)
        far = -tl.log(tl.maximum(rest, 1e-30))
        entropy = tl.where(rest >= 0.5, near, tl.where(rest == 0, CLAMP, far))
        entropy = tl.where(z != z, z, entropy)
    else:
        entropy = tl.where(z > 0, z, 0.0) + log_one_plus(small)
    outside = z <= -window
    return tl.where(outside, 0.0, sigma), tl.where(outside, 0.0, entropy)
