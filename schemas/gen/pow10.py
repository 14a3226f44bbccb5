"""Powers of ten in 128 bits, for printing doubles in the fewest digits (Schubfach; R. Giulietti)."""

FIRST, LAST = -292, 324


def significand(k):
    """The first 128 bits of 10^k, rounded up."""
    if k >= 0:
        value = 10**k
        shift = value.bit_length() - 128
        return value << -shift if shift <= 0 else -(-value >> shift)
    divisor = 10**-k
    shift = 127 + divisor.bit_length()
    value = -(-(1 << shift) // divisor)
    return value if value.bit_length() == 128 else -(-(1 << (shift - 1)) // divisor)


def header():
    rows = []
    for k in range(FIRST, LAST + 1):
        value = significand(k)
        assert value.bit_length() == 128
        rows.append(f"    {{0x{value >> 64:016X}u, 0x{value & (2**64 - 1):016X}u}}, /* {k} */")
    return f"""/* Generated; do not edit. The first 128 bits of the powers of ten, rounded up. */
#ifndef PLAYHOUSE_POW10_H
#define PLAYHOUSE_POW10_H

#include <stdint.h>

enum {{ POW10_FIRST = {FIRST}, POW10_LAST = {LAST} }};

static const struct pow10 {{
    uint64_t high, low;
}} pow10_table[POW10_LAST - POW10_FIRST + 1] = {{
""" + "\n".join(rows) + """
};

#endif
"""
