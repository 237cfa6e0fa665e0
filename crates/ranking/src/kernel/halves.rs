//! Sums of rows of half-precision numbers.

use super::super::half_matrix::widened;
use super::body::fma;

/// Four rows at once: `out` is then read and written a quarter as often.
#[inline(always)]
pub(super) fn add_halves<const FUSED: bool, const WIDE: bool>(
    rows: &[u16],
    stride: usize,
    picked: &[u32],
    factors: &[f32],
    out: &mut [f32],
) {
    let row = |picked: u32| &rows[picked as usize * stride..][..stride];
    let out = &mut out[..stride];
    let (fours, last) = picked.as_chunks::<4>();
    let (factors_of_fours, last_factors) = factors.as_chunks::<4>();
    for (picked, factors) in fours.iter().zip(factors_of_fours) {
        let [a, b, c, d] = picked.map(row);
        for at in 0..stride {
            let sum = fma::<FUSED>(factors[0], widened(a[at]), out[at]);
            let sum = fma::<FUSED>(factors[1], widened(b[at]), sum);
            let sum = fma::<FUSED>(factors[2], widened(c[at]), sum);
            out[at] = fma::<FUSED>(factors[3], widened(d[at]), sum);
        }
    }
    for (picked, factor) in last.iter().zip(last_factors) {
        for (out, half) in out.iter_mut().zip(row(*picked)) {
            *out = fma::<FUSED>(*factor, widened(*half), *out);
        }
    }
}
