//! The loops themselves, each written once. `FUSED` says that the processor multiplies and adds in
//! one step, `WIDE` that it has the registers of AVX-512.

pub(super) use super::halves::add_halves;
use super::{BATCH, BLOCK, LANES, Rows};

type Lanes = [f32; LANES];

#[inline(always)]
pub(super) fn fma<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction, `mul_add` is a slow library call.
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn scale_add<const FUSED: bool>(sum: Lanes, factor: f32, v: &Lanes) -> Lanes {
    std::array::from_fn(|lane| fma::<FUSED>(factor, v[lane], sum[lane]))
}

#[inline(always)]
fn lanes(row: &[f32], from: usize) -> &Lanes {
    row[from..]
        .first_chunk()
        .expect("callers stay within a row whose blocks are whole")
}

/// Adds the lanes as a tree. The instructions are named here, since the compiler would keep
/// the lanes in pairs all the way up into the loop that filled them, at an eighth of the
/// speed.
#[inline(always)]
fn total<const FUSED: bool, const WIDE: bool>(v: Lanes) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if FUSED {
        // SAFETY: only the versions that were compiled for AVX2 or AVX-512 are `FUSED`, and
        // only the latter are `WIDE`.
        return unsafe {
            if WIDE {
                total_avx512(&v)
            } else {
                total_avx(&v)
            }
        };
    }
    let a: [f32; 8] = std::array::from_fn(|i| v[i] + v[i + 8]);
    let b: [f32; 4] = std::array::from_fn(|i| a[i] + a[i + 4]);
    (b[0] + b[2]) + (b[1] + b[3])
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
fn total_avx512(v: &Lanes) -> f32 {
    use std::arch::x86_64::{_mm512_loadu_ps, _mm512_reduce_add_ps};
    // SAFETY: 16 numbers are read from an array of 16.
    _mm512_reduce_add_ps(unsafe { _mm512_loadu_ps(v.as_ptr()) })
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2,fma")]
fn total_avx(v: &Lanes) -> f32 {
    use std::arch::x86_64::{
        _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm256_add_ps,
        _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_loadu_ps,
    };
    // SAFETY: twice 8 numbers are read from an array of 16.
    let (low, high) = unsafe {
        (
            _mm256_loadu_ps(v.as_ptr()),
            _mm256_loadu_ps(v[8..].as_ptr()),
        )
    };
    let eight = _mm256_add_ps(low, high);
    let four = _mm_add_ps(
        _mm256_castps256_ps128(eight),
        _mm256_extractf128_ps::<1>(eight),
    );
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

#[inline(always)]
fn multiply_add<const FUSED: bool>(a: &Lanes, b: &Lanes, sum: Lanes) -> Lanes {
    std::array::from_fn(|lane| fma::<FUSED>(a[lane], b[lane], sum[lane]))
}

/// The sums of `a · b` by lane, over whole blocks.
#[inline(always)]
fn lane_sums<const FUSED: bool>(a: &[Lanes], b: &[Lanes]) -> Lanes {
    let mut sum = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        sum = multiply_add::<FUSED>(a, b, sum);
    }
    sum
}

#[inline(always)]
pub(super) fn dot<const FUSED: bool, const WIDE: bool>(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let rest = a_rest
        .iter()
        .zip(b_rest)
        .fold(0.0, |rest, (a, b)| fma::<FUSED>(*a, *b, rest));
    total::<FUSED, WIDE>(lane_sums::<FUSED>(a, b)) + rest
}

#[inline(always)]
pub(super) fn add_products<const FUSED: bool, const WIDE: bool>(
    rows: Rows<'_>,
    from: usize,
    x: &[f32],
    out: &mut [f32],
) {
    for (row, out) in rows.values.chunks_exact(rows.stride).zip(out) {
        *out += dot::<FUSED, WIDE>(&row[from..from + x.len()], x);
    }
}

/// Asks for a row before it is needed, where the processor can be asked.
#[inline(always)]
pub(super) fn fetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(LANES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint for an address inside of a slice; every x86-64 has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

#[inline(always)]
pub(super) fn picked_products<const FUSED: bool, const WIDE: bool>(
    rows: Rows<'_>,
    picked: &[u32],
    x: &[f32],
    out: &mut [f32],
) {
    let Rows { values, stride } = rows;
    let row = |picked: u32| {
        let from = picked as usize * stride;
        &values[from..from + stride]
    };
    let x = x[..stride].as_chunks::<LANES>().0;
    let (fours, last) = picked.as_chunks::<4>();
    let (out_of_fours, last_out) = out[..picked.len()].as_chunks_mut::<4>();
    // Four at once: `x` is then read a quarter as often, and no sum waits for the one before.
    for (at, (picked, out)) in fours.iter().zip(out_of_fours).enumerate() {
        if let Some(next) = fours.get(at + 1) {
            next.iter().for_each(|next| fetch(row(*next)));
        }
        // Cut to one length, so that the loop has nothing to check.
        let rows = picked.map(|picked| &row(picked).as_chunks::<LANES>().0[..x.len()]);
        let [mut a, mut b, mut c, mut d] = [[0.0; LANES]; 4];
        for (at, x) in x.iter().enumerate() {
            a = multiply_add::<FUSED>(&rows[0][at], x, a);
            b = multiply_add::<FUSED>(&rows[1][at], x, b);
            c = multiply_add::<FUSED>(&rows[2][at], x, c);
            d = multiply_add::<FUSED>(&rows[3][at], x, d);
        }
        // Not by `map`, which is not compiled for the processor and would go through memory.
        *out = [
            total::<FUSED, WIDE>(a),
            total::<FUSED, WIDE>(b),
            total::<FUSED, WIDE>(c),
            total::<FUSED, WIDE>(d),
        ];
    }
    for (picked, out) in last.iter().zip(last_out) {
        let row = row(*picked).as_chunks::<LANES>().0;
        *out = total::<FUSED, WIDE>(lane_sums::<FUSED>(row, x));
    }
}

/// One block of columns of `xs · square` for some of the batch; a named sum per vector, for
/// only so does the compiler keep all of them in registers.
macro_rules! columns_of_product {
    ($name:ident, $height:literal, $($at:literal $sum:ident)*) => {
        #[inline(always)]
        fn $name<const FUSED: bool>(
            xs: &[f32],
            square: &[f32],
            stride: usize,
            column: usize,
            out: &mut [f32],
        ) {
            let vectors: [&[f32]; $height] =
                std::array::from_fn(|at| &xs[at * stride..(at + 1) * stride]);
            $(let mut $sum = [0.0; LANES];)*
            for (at, row) in square.chunks_exact(stride).enumerate() {
                let row = lanes(row, column);
                $($sum = scale_add::<FUSED>($sum, vectors[$at][at], row);)*
            }
            $(out[$at * stride + column..][..LANES].copy_from_slice(&$sum);)*
        }
    };
}
columns_of_product!(eight_columns, 8, 0 a 1 b 2 c 3 d 4 e 5 f 6 g 7 h);
columns_of_product!(four_columns, 4, 0 a 1 b 2 c 3 d);

#[inline(always)]
pub(super) fn multiply_batch<const FUSED: bool, const WIDE: bool>(
    xs: &[f32],
    square: &[f32],
    stride: usize,
    out: &mut [f32],
) {
    for column in (0..stride).step_by(LANES) {
        if WIDE {
            eight_columns::<FUSED>(xs, square, stride, column, out);
        } else {
            let half = BATCH / 2 * stride;
            four_columns::<FUSED>(&xs[..half], square, stride, column, &mut out[..half]);
            four_columns::<FUSED>(&xs[half..], square, stride, column, &mut out[half..]);
        }
    }
}

#[inline(always)]
pub(super) fn add_pulls<const FUSED: bool, const WIDE: bool>(
    rows: Rows<'_>,
    picked: &[u32],
    weights: &[f32],
    x: &[f32],
    target: f32,
    out: &mut [f32],
) {
    let Rows { values, stride } = rows;
    let row = |picked: u32| {
        let from = picked as usize * stride;
        &values[from..from + stride]
    };
    let (x, out) = (&x[..stride], &mut out[..stride]);
    let (fours, last) = picked.as_chunks::<4>();
    let (weights_of_fours, last_weights) = weights.as_chunks::<4>();
    // Four at once: `x` and `out` are then read and written a quarter as often.
    for (picked, weights) in fours.iter().zip(weights_of_fours) {
        let [a, b, c, d] = picked.map(row);
        let mut sums = [[0.0; LANES]; 4];
        let [a_blocks, b_blocks, c_blocks, d_blocks] =
            [a, b, c, d].map(|row| row.as_chunks::<LANES>().0);
        for (at, x) in x.as_chunks::<LANES>().0.iter().enumerate() {
            sums[0] = multiply_add::<FUSED>(&a_blocks[at], x, sums[0]);
            sums[1] = multiply_add::<FUSED>(&b_blocks[at], x, sums[1]);
            sums[2] = multiply_add::<FUSED>(&c_blocks[at], x, sums[2]);
            sums[3] = multiply_add::<FUSED>(&d_blocks[at], x, sums[3]);
        }
        let pulls: [f32; 4] =
            std::array::from_fn(|at| weights[at] * (total::<FUSED, WIDE>(sums[at]) - target));
        for at in 0..stride {
            let first = fma::<FUSED>(pulls[0], a[at], fma::<FUSED>(pulls[1], b[at], out[at]));
            out[at] = fma::<FUSED>(pulls[2], c[at], fma::<FUSED>(pulls[3], d[at], first));
        }
    }
    for (picked, weight) in last.iter().zip(last_weights) {
        let row = row(*picked);
        let pull = weight * (dot::<FUSED, WIDE>(row, x) - target);
        add_scaled::<FUSED>(out, pull, row);
    }
}

/// A tile of `Σ_k weights[k] · left_k right_kᵀ`, one named sum per row of the tile: only so
/// does the compiler keep all of them in registers.
macro_rules! tile {
    ($name:ident, $height:literal, $($row:literal $sum:ident)*) => {
        #[inline(always)]
        fn $name<const FUSED: bool>(
            rows: Rows<'_>,
            weights: &[f32],
            left: usize,
            right: usize,
        ) -> [Lanes; $height] {
            $(let mut $sum = [0.0; LANES];)*
            for (row, weight) in rows.values.chunks_exact(rows.stride).zip(weights) {
                let left: &[f32; $height] = row[left..]
                    .first_chunk()
                    .expect("callers stay within a row whose blocks are whole");
                let right = lanes(row, right).map(|value| value * weight);
                $($sum = scale_add::<FUSED>($sum, left[$row], &right);)*
            }
            [$($sum),*]
        }
    };
}
tile!(tall_tile, 16, 0 a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 j 10 k 11 l 12 m 13 n 14 o 15 p);
tile!(low_tile, 4, 0 a 1 b 2 c 3 d);

#[inline(always)]
fn add_tile(tile: &[Lanes], out: &mut [f32], out_stride: usize, at: usize) {
    for (row, sums) in tile.iter().enumerate() {
        let at = at + row * out_stride;
        for (out, sum) in out[at..at + LANES].iter_mut().zip(sums) {
            *out += sum;
        }
    }
}

#[inline(always)]
pub(super) fn add_outer<const FUSED: bool, const WIDE: bool>(
    rows: Rows<'_>,
    from: usize,
    weights: &[f32],
    out: &mut [f32],
    out_stride: usize,
    width: usize,
) {
    for left in (0..width).step_by(LANES) {
        for right in (left..width).step_by(LANES) {
            if WIDE {
                // 16 sums fit the 32 registers of AVX-512, and no smaller set.
                let tile = tall_tile::<FUSED>(rows, weights, from + left, from + right);
                add_tile(&tile, out, out_stride, left * out_stride + right);
            } else {
                for left in (left..left + LANES).step_by(4) {
                    let tile = low_tile::<FUSED>(rows, weights, from + left, from + right);
                    add_tile(&tile, out, out_stride, left * out_stride + right);
                }
            }
        }
    }
}

/// A tile of `leftᵀ right` for two strips, from row `$from` of the tile on.
macro_rules! strip_tile {
    ($name:ident, $height:literal, $($row:literal $sum:ident)*) => {
        #[inline(always)]
        fn $name<const FUSED: bool>(
            left: &[Lanes],
            right: &[Lanes],
            from: usize,
        ) -> [Lanes; $height] {
            $(let mut $sum = [0.0; LANES];)*
            for (left, right) in left.iter().zip(right) {
                let left: &[f32; $height] = left[from..]
                    .first_chunk()
                    .expect("callers pass a multiple of the height below the lanes");
                $($sum = scale_add::<FUSED>($sum, left[$row], right);)*
            }
            [$($sum),*]
        }
    };
}
strip_tile!(tall_strip_tile, 16, 0 a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 j 10 k 11 l 12 m 13 n 14 o 15 p);
strip_tile!(low_strip_tile, 4, 0 a 1 b 2 c 3 d);

#[inline(always)]
pub(super) fn subtract_block<const FUSED: bool, const WIDE: bool>(
    left: &[f32],
    right: &[f32],
    out: &mut [f32],
) {
    let (left, right) = (left.as_chunks::<LANES>().0, right.as_chunks::<LANES>().0);
    let strips = right.chunks_exact(BLOCK).enumerate();
    for (column, right) in strips {
        for (row, left) in left.chunks_exact(BLOCK).enumerate() {
            let at = row * LANES * BLOCK + column * LANES;
            if WIDE {
                let tile = tall_strip_tile::<FUSED>(left, right, 0);
                subtract_tile(&tile, out, at);
            } else {
                for from in (0..LANES).step_by(4) {
                    let tile = low_strip_tile::<FUSED>(left, right, from);
                    subtract_tile(&tile, out, at + from * BLOCK);
                }
            }
        }
    }
}

#[inline(always)]
fn subtract_tile(tile: &[Lanes], out: &mut [f32], at: usize) {
    for (row, sums) in tile.iter().enumerate() {
        let at = at + row * BLOCK;
        for (out, sum) in out[at..at + LANES].iter_mut().zip(sums) {
            *out -= sum;
        }
    }
}

/// `to += factor · v`. A plain loop on purpose: one over blocks makes the compiler gather.
#[inline(always)]
fn add_scaled<const FUSED: bool>(to: &mut [f32], factor: f32, v: &[f32]) {
    for (to, v) in to.iter_mut().zip(v) {
        *to = fma::<FUSED>(factor, *v, *to);
    }
}

#[inline(always)]
pub(super) fn factorise<const FUSED: bool, const WIDE: bool>(matrix: &mut [f32], width: usize) {
    let largest = (0..width)
        .map(|i| matrix[i * width + i])
        .fold(f32::MIN_POSITIVE, f32::max);
    let floor = (largest * 1e-7).max(f32::MIN_POSITIVE);
    for start in (0..width).step_by(LANES) {
        let end = start + LANES;
        // A panel of rows is factorised on its own...
        for pivot in start..end {
            let (above, below) = matrix.split_at_mut((pivot + 1) * width);
            let row = &mut above[pivot * width..];
            row[start..pivot].fill(0.0);
            row[pivot] = row[pivot].max(floor);
            let shrink = 1.0 / row[pivot].sqrt();
            row[start..].iter_mut().for_each(|value| *value *= shrink);
            for (row_below, factor) in below.chunks_exact_mut(width).zip(pivot + 1..end) {
                add_scaled::<FUSED>(&mut row_below[start..], -row[factor], &row[start..]);
            }
        }
        // ...and then taken off everything below and to the right of it at once.
        if end < width {
            let (panel, below) = matrix.split_at_mut(end * width);
            let panel = Rows {
                values: &panel[start * width..],
                stride: width,
            };
            let below = &mut below[end..];
            add_outer::<FUSED, WIDE>(panel, end, &[-1.0; LANES], below, width, width - end);
        }
    }
}

#[inline(always)]
pub(super) fn solve<const FUSED: bool, const WIDE: bool>(upper: &[f32], b: &mut [f32]) {
    let width = b.len();
    for pivot in 0..width {
        let start = pivot - pivot % LANES;
        let row = &upper[pivot * width..(pivot + 1) * width];
        let value = b[pivot] / row[pivot];
        // The row is zero from `start` to `pivot`, so whole blocks may be taken off.
        add_scaled::<FUSED>(&mut b[start..], -value, &row[start..]);
        b[pivot] = value;
    }
    for pivot in (0..width).rev() {
        let row = &upper[pivot * width..(pivot + 1) * width];
        b[pivot] = (b[pivot] - dot::<FUSED, WIDE>(&row[pivot + 1..], &b[pivot + 1..])) / row[pivot];
    }
}
