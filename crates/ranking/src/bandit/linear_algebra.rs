//! Small symmetric positive definite systems, as dense rows of which the lower triangle counts.

/// The lower triangular factor `L` of `A = L Lᵀ`.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    size: usize,
    rows: Vec<f64>,
}

impl Cholesky {
    /// Factorises `matrix`, `size` rows of `size`; `None` if it is not positive definite.
    pub(super) fn new(matrix: &[f64], size: usize) -> Option<Self> {
        let mut rows = matrix.to_vec();
        for at in 0..size {
            let (done, rest) = rows.split_at_mut(at * size);
            let row = &mut rest[..size];
            for column in 0..at {
                let other = &done[column * size..][..=column];
                let sum = dot(&row[..column], &other[..column]);
                row[column] = (row[column] - sum) / other[column];
            }
            let pivot = row[at] - dot(&row[..at], &row[..at]);
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            row[at] = pivot.sqrt();
            row[at + 1..].fill(0.0);
        }
        Some(Self { size, rows })
    }

    /// Turns `b` into `L⁻¹ b`.
    pub(super) fn forward(&self, b: &mut [f64]) {
        for at in 0..self.size {
            let row = &self.rows[at * self.size..][..=at];
            b[at] = (b[at] - dot(&row[..at], &b[..at])) / row[at];
        }
    }

    /// Turns `b` into `A⁻¹ b`.
    pub(super) fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        for at in (0..self.size).rev() {
            let row = &self.rows[at * self.size..][..=at];
            b[at] /= row[at];
            let known = b[at];
            for (b, factor) in b[..at].iter_mut().zip(row) {
                *b -= factor * known;
            }
        }
    }
}

/// The inner product, in four sums beside each other.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (head_a, tail_a) = a.as_chunks::<4>();
    let (head_b, tail_b) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in head_a.iter().zip(head_b) {
        for at in 0..4 {
            sums[at] += a[at] * b[at];
        }
    }
    let tail: f64 = tail_a.iter().zip(tail_b).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

impl Cholesky {
    /// The factor of a system of `N` rows.
    pub(super) fn factor<const N: usize>(&self) -> [[f64; N]; N] {
        let mut out = [[0.0; N]; N];
        for (out, row) in out.iter_mut().zip(self.rows.chunks_exact(self.size)) {
            for (out, entry) in out.iter_mut().zip(row) {
                *out = *entry;
            }
        }
        out
    }
}
