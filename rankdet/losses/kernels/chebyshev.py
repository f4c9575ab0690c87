"""Chebyshev polynomials of degree 0 to 4 within a cell, for kernels.

Positions x are in [-1, 1] within the cell. The nodes are the zeros of T5, ``cos((2q + 1) π / 10)``.
"""

import triton
import triton.language as tl

A = tl.constexpr(0.9510565162951535)  # the outer nodes are ±A, the inner ones ±B, and 0
B = tl.constexpr(0.5877852522924731)
A2, B2 = tl.constexpr(0.8090169943749475), tl.constexpr(-0.30901699437494745)  # T2 at A and B
A3, B3 = tl.constexpr(0.5877852522924731), tl.constexpr(-0.9510565162951535)  # T3
A4, B4 = tl.constexpr(0.30901699437494745), tl.constexpr(-0.8090169943749475)  # T4


@triton.jit
def weights_of_nodes(m0, m1, m2, m3, m4):
    """Returns the weights w of the nodes with ``Σ_v p(x_v) = Σ_q w_q p(x_q)``.

    It holds for every polynomial p of degree 4 at most. The argument ``m_l`` is ``Σ_v T_l(x_v)``.
    """
    even_a, odd_a = m0 + 2 * (m2 * A2 + m4 * A4), 2 * (m1 * A + m3 * A3)
    even_b, odd_b = m0 + 2 * (m2 * B2 + m4 * B4), 2 * (m1 * B + m3 * B3)
    middle = m0 - 2 * m2 + 2 * m4
    return (
        0.2 * (even_a + odd_a),
        0.2 * (even_b + odd_b),
        0.2 * middle,
        0.2 * (even_b - odd_b),
        0.2 * (even_a - odd_a),
    )


@triton.jit
def coefficients(g0, g1, g2, g3, g4):
    """Returns c with ``Σ_l c_l T_l(x_q) = g_q`` at the nodes."""
    even_a, odd_a = g0 + g4, g0 - g4
    even_b, odd_b = g1 + g3, g1 - g3
    return (
        0.2 * (even_a + even_b + g2),
        0.4 * (odd_a * A + odd_b * B),
        0.4 * (even_a * A2 + even_b * B2 - g2),
        0.4 * (odd_a * A3 + odd_b * B3),
        0.4 * (even_a * A4 + even_b * B4 + g2),
    )


@triton.jit
def evaluate(x, c0, c1, c2, c3, c4):
    """Returns ``Σ_l c_l T_l(x)`` (Clenshaw's recurrence)."""
    b3 = c3 + 2 * x * c4
    b2 = c2 + 2 * x * b3 - c4
    b1 = c1 + 2 * x * b2 - b3
    return c0 + x * b1 - b2
