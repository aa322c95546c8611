"""The recurrences of the orthogonal polynomials, for elementwise.py and special.py: name -> (p_1(x), p_(k+1) from k, x,
p_(k-1) and p_k), where p_0 = 1. Source: NIST's Digital Library of Mathematical Functions, 18.9."""

RECURRENCES = {"hermite_polynomial_h": (lambda x: 2 * x, lambda k, x, p, q: 2 * (x * q - k * p)),
               "hermite_polynomial_he": (lambda x: x, lambda k, x, p, q: x * q - k * p),
               "laguerre_polynomial_l": (lambda x: 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * q - k * p) / (k + 1)),
               "legendre_polynomial_p": (lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * q - k * p) / (k + 1))}
for letter, a, b in (("t", 1, 0), ("u", 2, 0), ("v", 2, -1), ("w", 2, 1)):
    RECURRENCES["chebyshev_polynomial_" + letter] = (lambda x, a=a, b=b: a * x + b, lambda k, x, p, q: 2 * x * q - p)
    RECURRENCES["shifted_chebyshev_polynomial_" + letter] = (
        lambda x, a=a, b=b: a * (2 * x - 1) + b, lambda k, x, p, q: 2 * (2 * x - 1) * q - p)
