//! The small dense algebra that the decomposition needs.

use rayon::prelude::*;

use crate::kernel::{BATCH, Kernel};
use crate::matrix::Matrix;

/// So many rows are added up in single precision before they join a sum in double precision.
const BLOCK: usize = 256;

/// A column whose own part is smaller than this share of its square is a sum of the others.
const DEPENDENT: f64 = 1e-9;

/// A square symmetric or triangular matrix in double precision.
#[derive(Clone, Debug)]
pub(super) struct Square {
    pub(super) width: usize,
    pub(super) values: Vec<f64>,
}

impl Square {
    fn zeros(width: usize) -> Self {
        Self {
            width,
            values: vec![0.0; width * width],
        }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.width + column]
    }

    fn at_mut(&mut self, row: usize, column: usize) -> &mut f64 {
        &mut self.values[row * self.width + column]
    }

    /// The first `columns` columns, in single precision and in rows as long as before; the rest
    /// is zero.
    fn single(&self, columns: usize) -> Vec<f32> {
        let mut single = vec![0.0; self.values.len()];
        for (to, from) in single
            .chunks_exact_mut(self.width)
            .zip(self.values.chunks_exact(self.width))
        {
            for (to, from) in to[..columns].iter_mut().zip(from) {
                *to = *from as f32;
            }
        }
        single
    }
}

/// `ZᵀZ`, both triangles. The width of `z` is a multiple of the kernel's lanes. Blocks are added
/// in their order, so that the number of threads does not change the result.
pub(super) fn gram(kernel: Kernel, z: &Matrix) -> Square {
    let width = z.columns();
    let blocks: Vec<Vec<f64>> = z
        .values()
        .par_chunks(width * BLOCK * 16)
        .map(|rows| {
            let mut sum = vec![0.0_f64; width * width];
            let mut part = vec![0.0_f32; width * width];
            for rows in rows.chunks(width * BLOCK) {
                part.fill(0.0);
                let ones = [1.0; BLOCK];
                let table = crate::kernel::Rows {
                    values: rows,
                    stride: width,
                };
                kernel.add_outer(
                    table,
                    0,
                    &ones[..rows.len() / width],
                    &mut part,
                    width,
                    width,
                );
                for (sum, part) in sum.iter_mut().zip(&part) {
                    *sum += f64::from(*part);
                }
            }
            sum
        })
        .collect();
    let mut gram = Square::zeros(width);
    for block in &blocks {
        for (sum, part) in gram.values.iter_mut().zip(block) {
            *sum += part;
        }
    }
    for row in 0..width {
        for column in 0..row {
            *gram.at_mut(row, column) = gram.at(column, row);
        }
    }
    gram
}

/// Replaces `z` by `z · square`, of which only the first `columns` columns count.
pub(super) fn multiply(kernel: Kernel, z: &mut Matrix, square: &Square, columns: usize) {
    let width = z.columns();
    let square = square.single(columns);
    z.values_mut().par_chunks_mut(width * BATCH).for_each_init(
        || (vec![0.0; width * BATCH], vec![0.0; width * BATCH]),
        |(from, to), rows| {
            from[..rows.len()].copy_from_slice(rows);
            from[rows.len()..].fill(0.0);
            kernel.multiply_batch(from, &square, width, to);
            rows.copy_from_slice(&to[..rows.len()]);
        },
    );
}

/// Makes the columns of `z` orthonormal without changing what they span: Cholesky QR. A column
/// that the ones before it already span becomes zero.
///
/// Done twice, the columns are orthonormal to the precision of single numbers (Yamamoto, Nakatsukasa,
/// Yanagisawa, Fukaya 2015, "Roundoff error analysis of the CholeskyQR2 algorithm").
pub(super) fn orthonormalise(kernel: Kernel, z: &mut Matrix) {
    let width = z.columns();
    let inverse = inverse_of_factor(&gram(kernel, z));
    multiply(kernel, z, &inverse, width);
}

/// `R⁻¹` of `G = RᵀR`, upper triangular. What belongs to dependent columns is zero.
fn inverse_of_factor(gram: &Square) -> Square {
    let width = gram.width;
    let mut factor = gram.clone();
    let mut dependent = vec![false; width];
    for (pivot, dependent) in dependent.iter_mut().enumerate() {
        let mut own = factor.at(pivot, pivot);
        if own <= DEPENDENT * gram.at(pivot, pivot) || own.is_nan() || own <= 0.0 {
            *dependent = true;
            continue;
        }
        own = own.sqrt();
        for column in pivot..width {
            *factor.at_mut(pivot, column) /= own;
        }
        for row in pivot + 1..width {
            let share = factor.at(pivot, row);
            for column in row..width {
                let take = share * factor.at(pivot, column);
                *factor.at_mut(row, column) -= take;
            }
        }
    }
    let mut inverse = Square::zeros(width);
    for column in (0..width).filter(|column| !dependent[*column]) {
        *inverse.at_mut(column, column) = 1.0 / factor.at(column, column);
        for row in (0..column).rev().filter(|row| !dependent[*row]) {
            let sum: f64 = (row + 1..=column)
                .filter(|between| !dependent[*between])
                .map(|between| factor.at(row, between) * inverse.at(between, column))
                .sum();
            *inverse.at_mut(row, column) = -sum / factor.at(row, row);
        }
    }
    inverse
}

/// Eigenvalues, largest first, and the eigenvectors in the columns beside them, of a symmetric
/// matrix: the cyclic method of Jacobi (1846), with the rotation of Rutishauser (1966).
pub(super) fn eigen(mut a: Square) -> (Vec<f64>, Square) {
    let width = a.width;
    // Rows are rotated, which lie together in memory; in the end they are the columns.
    let mut vectors = Square::zeros(width);
    for index in 0..width {
        *vectors.at_mut(index, index) = 1.0;
    }
    let scale: f64 = a.values.iter().map(|value| value * value).sum();
    for _sweep in 0..30 {
        let mut off = 0.0;
        for row in 0..width {
            for column in row + 1..width {
                off += a.at(row, column).powi(2);
            }
        }
        if off <= 1e-24 * scale {
            break;
        }
        for p in 0..width {
            for q in p + 1..width {
                rotate(&mut a, &mut vectors, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|x, y| a.at(*y, *y).total_cmp(&a.at(*x, *x)).then(x.cmp(y)));
    let mut sorted = Square::zeros(width);
    for (to, from) in order.iter().enumerate() {
        for row in 0..width {
            *sorted.at_mut(row, to) = vectors.at(*from, row);
        }
    }
    let values = order.iter().map(|index| a.at(*index, *index)).collect();
    (values, sorted)
}

/// Makes the entry at `(p, q)`, `p < q`, zero.
fn rotate(a: &mut Square, vectors: &mut Square, p: usize, q: usize) {
    let width = a.width;
    let entry = a.at(p, q);
    let (app, aqq) = (a.at(p, p), a.at(q, q));
    if entry.abs() <= 1e-18 * (app.abs() + aqq.abs()) {
        return;
    }
    let theta = (aqq - app) / (2.0 * entry);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |square: &mut Square| {
        let (above, below) = square.values.split_at_mut(q * width);
        let (x, y) = (&mut above[p * width..(p + 1) * width], &mut below[..width]);
        for (x, y) in x.iter_mut().zip(y) {
            let (old_x, old_y) = (*x, *y);
            *x = cosine * old_x - sine * old_y;
            *y = sine * old_x + cosine * old_y;
        }
    };
    turn(vectors);
    turn(a);
    // The rows are turned; the columns are the same by symmetry, but for where they cross.
    for row in 0..width {
        if row != p && row != q {
            *a.at_mut(row, p) = a.at(p, row);
            *a.at_mut(row, q) = a.at(q, row);
        }
    }
    *a.at_mut(p, p) = app - tangent * entry;
    *a.at_mut(q, q) = aqq + tangent * entry;
    *a.at_mut(p, q) = 0.0;
    *a.at_mut(q, p) = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, columns: usize, seed: u64) -> Matrix {
        use rand::{RngExt, SeedableRng};
        let mut random = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
        let values = (0..rows * columns)
            .map(|_| random.random::<f32>() - 0.3)
            .collect();
        Matrix::from_values(rows, columns, values).unwrap()
    }

    fn assert_identity(square: &Square, live: usize) {
        for row in 0..square.width {
            for column in 0..square.width {
                let wanted = f64::from(u8::from(row == column && row < live));
                let got = square.at(row, column);
                assert!((got - wanted).abs() < 1e-5, "({row}, {column}): {got}");
            }
        }
    }

    #[test]
    fn columns_become_orthonormal() {
        let kernel = Kernel::detect();
        for rows in [16, 100, 5000] {
            let mut z = table(rows, 16, 5);
            orthonormalise(kernel, &mut z);
            orthonormalise(kernel, &mut z);
            assert_identity(&gram(kernel, &z), 16);
        }
    }

    #[test]
    fn a_column_that_others_span_becomes_zero() {
        let kernel = Kernel::detect();
        let mut z = table(50, 16, 6);
        for row in z.values_mut().chunks_exact_mut(16) {
            row[15] = row[3] - 2.0 * row[4];
        }
        orthonormalise(kernel, &mut z);
        orthonormalise(kernel, &mut z);
        assert_identity(&gram(kernel, &z), 15);
    }

    #[test]
    fn eigenvectors_are_what_they_say() {
        let square = gram(Kernel::detect(), &table(40, 32, 7));
        let (values, vectors) = eigen(square.clone());
        assert!(values.is_sorted_by(|a, b| a >= b));
        for (index, value) in values.iter().enumerate() {
            for row in 0..32 {
                let image: f64 = (0..32)
                    .map(|column| square.at(row, column) * vectors.at(column, index))
                    .sum();
                assert!((image - value * vectors.at(row, index)).abs() < 1e-8);
            }
        }
        // The trace is the sum of the eigenvalues.
        let trace: f64 = (0..32).map(|index| square.at(index, index)).sum();
        assert!((trace - values.iter().sum::<f64>()).abs() < 1e-8);
    }
}
