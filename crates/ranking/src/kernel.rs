//! The few inner loops that all the time of training and ranking goes into.
//!
//! Each loop is written once, in plain Rust shaped so that the compiler turns it into vector
//! instructions, and is compiled three times: for any processor, for AVX2 with FMA, and for
//! AVX-512. [`Kernel::detect`] picks the best version the processor has. Every version adds in
//! one fixed order, so on one kind of processor equal input gives equal output, bit for bit;
//! between kinds the last bits may differ, because a fused multiply-add rounds once.

mod body;
mod halves;
#[cfg(test)]
mod tests;

/// The width the loops work in: blocks of columns start and end at multiples of it.
pub const LANES: usize = 16;

/// How many vectors [`Kernel::multiply_batch`] takes at once.
pub const BATCH: usize = 8;

/// The side of the blocks that [`Kernel::subtract_block`] works on.
pub const BLOCK: usize = 128;

/// A table as the loops read it: rows of `stride` numbers, one after another.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// All numbers, row after row.
    pub values: &'a [f32],
    /// How many numbers a row has, at least 1.
    pub stride: usize,
}

/// The version of the loops that suits this processor.
#[derive(Clone, Copy, Debug)]
pub struct Kernel(Level);

#[derive(Clone, Copy, Debug)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// Asks the processor what it can do.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self(Level::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self(Level::Avx2);
            }
        }
        Self::portable()
    }

    /// Asks the memory for a row that is needed soon; nothing else changes.
    #[inline]
    pub fn fetch(row: &[f32]) {
        body::fetch(row);
    }

    /// The version for any processor; the others are tested against it.
    pub fn portable() -> Self {
        Self(Level::Portable)
    }
}

/// Compiles a loop for each level and makes it a method of [`Kernel`].
macro_rules! kernels {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        impl Kernel {
            $($(#[$doc])*
            #[inline]
            pub fn $name(self, $($arg: $kind),*) $(-> $result)? {
                match self.0 {
                    Level::Portable => body::$name::<false, false>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => {
                        #[target_feature(enable = "avx2,fma")]
                        fn version($($arg: $kind),*) $(-> $result)? {
                            body::$name::<true, false>($($arg),*)
                        }
                        // SAFETY: `Level::Avx2` is only made where AVX2 and FMA were seen.
                        unsafe { version($($arg),*) }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => {
                        #[target_feature(enable = "avx512f")]
                        fn version($($arg: $kind),*) $(-> $result)? {
                            body::$name::<true, true>($($arg),*)
                        }
                        // SAFETY: `Level::Avx512` is only made where AVX-512F was seen.
                        unsafe { version($($arg),*) }
                    }
                }
            })*
        }
    };
}

kernels! {
    /// `a · b`, which have one length, whatever it is.
    fn dot(a: &[f32], b: &[f32]) -> f32;

    /// `out[k] += rows[k][from..from + x.len()] · x` for every row. `x` may have any length.
    fn add_products(rows: Rows<'_>, from: usize, x: &[f32], out: &mut [f32]);

    /// `out[k] = v_k · x` with `v_k` row number `picked[k]` of `rows`, in any order. The stride is
    /// a multiple of [`LANES`], and `x` has as many numbers. A product does not depend on what
    /// else was picked.
    fn picked_products(rows: Rows<'_>, picked: &[u32], x: &[f32], out: &mut [f32]);

    /// `out = xs · square` for a [`BATCH`] of row vectors at once, so that `square` is read once
    /// for all. A vector has `stride` numbers, a multiple of [`LANES`]; `square` has as many
    /// rows and columns.
    fn multiply_batch(xs: &[f32], square: &[f32], stride: usize, out: &mut [f32]);

    /// `out += Σ_k weights[k] · (v_k·x − target) · v_k`, with `v_k` row number `picked[k]` of
    /// `rows`: for a weighted squared error half its first derivative at `x`, and with a target
    /// of 0 its second derivative times `x`. `x` and `out` have `stride` numbers, a multiple of
    /// [`LANES`].
    fn add_pulls(
        rows: Rows<'_>, picked: &[u32], weights: &[f32],
        x: &[f32], target: f32, out: &mut [f32],
    );

    /// `out += Σ_k weights[k] · v_k v_kᵀ` with `v_k = rows[k][from..from + width]`, in the upper
    /// triangle of the square matrix whose first number is `out[0]` and whose rows are
    /// `out_stride` apart; what lies below the diagonal is left without meaning. `width` is a
    /// multiple of [`LANES`].
    fn add_outer(
        rows: Rows<'_>, from: usize, weights: &[f32],
        out: &mut [f32], out_stride: usize, width: usize,
    );

    /// `out += Σ_k factors[k] · v_k` with `v_k` row number `picked[k]` of `rows`, whose numbers are
    /// in half precision and count 2⁻¹¹² each, so that no time goes into their exponents: the
    /// factors make up for it. `out` and the rows have `stride` numbers.
    fn add_halves(rows: &[u16], stride: usize, picked: &[u32], factors: &[f32], out: &mut [f32]);

    /// `out -= leftᵀ right` for blocks of [`BLOCK`] × [`BLOCK`]. `out` is stored row after row,
    /// the other two in strips: the first [`LANES`] numbers of each row, row after row, then the
    /// next, so that each strip fills the fastest cache without gaps.
    fn subtract_block(left: &[f32], right: &[f32], out: &mut [f32]);

    /// Cholesky factor in place: the upper triangle of the symmetric positive definite
    /// `matrix` (`width` × `width`, `width` a multiple of [`LANES`]) becomes `U` with `UᵀU`
    /// equal to it, and what lies below becomes zero inside the blocks on the diagonal. A
    /// pivot that rounding has made too small is lifted to 1e-7 of the largest entry of the
    /// diagonal, so finite numbers in give finite numbers out.
    fn factorise(matrix: &mut [f32], width: usize);

    /// Solves `UᵀU x = b` in place, `upper` being what [`Kernel::factorise`] has made;
    /// `b.len()` is its width.
    fn solve(upper: &[f32], b: &mut [f32]);
}
