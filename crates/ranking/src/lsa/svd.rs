//! The truncated singular value decomposition of a large sparse table.

use std::ops::ControlFlow;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use super::dense::{eigen, gram, multiply, orthonormalise};
use crate::kernel::{Kernel, LANES};
use crate::matrix::{Interactions, Matrix};

/// A direction this much weaker than the strongest is noise of the rounding.
const NOISE: f64 = 1e-5;

/// The strongest directions of a table `A ≈ U Σ Vᵀ`. `U` is not kept: it is `A V Σ⁻¹`.
#[derive(Clone, Debug)]
pub struct Decomposition {
    /// `V`: a row for each column of the table, a column for each direction, orthonormal. In each
    /// direction the entry that is largest without its sign is positive.
    pub right: Matrix,
    /// The diagonal of `Σ`: positive, largest first.
    pub strengths: Vec<f32>,
}

/// Finds up to `rank` of the strongest directions of `table`, fewer where it has not so many.
///
/// The randomised subspace iteration of Halko, Martinsson, Tropp, "Finding structure with
/// randomness" (SIAM Review 53, 2011, algorithms 4.4 and 5.1), on the side of the columns: a
/// random basis `Z`, wider than asked for, is sent through `AᵀA` `iterations` times and made
/// orthonormal each time, since directions would else fall into the strongest one; then the
/// directions are those of the small `(AZ)ᵀ(AZ)`. Each iteration counts as two of the
/// multiplications there. All cores work; equal input and seed give equal numbers on one kind of
/// processor, whatever the number of threads.
///
/// `observe` hears of each iteration and may stop, upon which there is `None`.
pub fn truncated(
    table: &Interactions,
    rank: usize,
    iterations: usize,
    seed: u64,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Option<Decomposition> {
    let kernel = Kernel::detect();
    let transposed = table.transpose();
    // Oversampling: half as much again, so that the last directions asked for are well inside.
    let width = (rank + (rank / 2).max(16)).next_multiple_of(LANES);
    let mut basis = start(table.columns(), width, seed);
    let mut image = Matrix::zeros(table.rows(), width);
    orthonormalise(kernel, &mut basis);
    for iteration in 0..iterations {
        sums(kernel, table, &basis, &mut image);
        sums(kernel, &transposed, &image, &mut basis);
        orthonormalise(kernel, &mut basis);
        if observe(iteration + 1).is_break() {
            return None;
        }
    }
    orthonormalise(kernel, &mut basis);
    sums(kernel, table, &basis, &mut image);
    let (values, vectors) = eigen(gram(kernel, &image));
    let strongest = values.first().copied().unwrap_or(0.0);
    let strengths: Vec<f32> = values
        .iter()
        .take(rank)
        .take_while(|value| **value > NOISE * NOISE * strongest && **value > 0.0)
        .map(|value| value.sqrt() as f32)
        .collect();
    multiply(kernel, &mut basis, &vectors, strengths.len());
    let mut right = basis.with_columns(strengths.len());
    settle_signs(&mut right);
    Some(Decomposition { right, strengths })
}

/// Normal numbers, each row from a stream of its own.
fn start(rows: usize, width: usize, seed: u64) -> Matrix {
    let mut basis = Matrix::zeros(rows, width);
    basis
        .values_mut()
        .par_chunks_exact_mut(width)
        .enumerate()
        .for_each(|(row, numbers)| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(row as u64);
            for pair in numbers.chunks_exact_mut(2) {
                // Box and Muller 1958.
                let (near_zero, turn): (f32, f32) = (random.random(), random.random());
                let radius = (-2.0 * (1.0 - near_zero).ln()).sqrt();
                let (sine, cosine) = (std::f32::consts::TAU * turn).sin_cos();
                pair.copy_from_slice(&[radius * cosine, radius * sine]);
            }
        });
    basis
}

/// `out = table · from`.
fn sums(kernel: Kernel, table: &Interactions, from: &Matrix, out: &mut Matrix) {
    let width = from.columns();
    let zero = vec![0.0; width];
    out.values_mut()
        .par_chunks_exact_mut(width)
        .enumerate()
        .for_each(|(row, sum)| {
            let (columns, weights) = table.row(row);
            sum.fill(0.0);
            // With `x` zero and a target of -1 each vector is pulled by just its weight.
            kernel.add_pulls(from.as_rows(), columns, weights, &zero, -1.0, sum);
        });
}

fn settle_signs(right: &mut Matrix) {
    let width = right.columns();
    let mut largest = vec![0.0_f32; width];
    for row in right.values().chunks_exact(width.max(1)) {
        for (largest, value) in largest.iter_mut().zip(row) {
            if value.abs() > largest.abs() {
                *largest = *value;
            }
        }
    }
    for row in right.values_mut().chunks_exact_mut(width.max(1)) {
        for (value, largest) in row.iter_mut().zip(&largest) {
            *value *= largest.signum();
        }
    }
}
