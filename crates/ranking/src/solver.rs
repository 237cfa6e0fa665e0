//! One half of alternating least squares: the best vectors of one side while the other stays.
//!
//! For a user with entries `S` (items `i` of weight `w_i`) the loss to minimise in `x` is
//!
//! `Σ_{i∈S} w_i (x·y_i − 1)² + α₀ Σ_i (x·y_i)² + ρ |x|²`
//!
//! (Rendle, Krichene, Zhang, Koren 2022, "Revisiting the Performance of iALS on Item
//! Recommendation Benchmarks", §3; weights as in Hu, Koren, Volinsky 2008). Its second
//! derivative is `Σ w_i y_i y_iᵀ + α₀ G + ρ I`, with the Gramian `G = Σ_i y_i y_iᵀ` shared by
//! all users. Users and items are alike, so "row" stands for whichever is being solved.

use std::ops::ControlFlow;

use rayon::prelude::*;

use super::als::{IalsSettings, Method};
use super::kernel::{BATCH, Kernel, LANES, Rows};
use super::matrix::{Interactions, Matrix};
use super::symmetric::Stopped;

/// Vectors are copied side by side before the costliest loop runs over them, this many at a
/// time: 32 vectors of 128 numbers stay in the fastest cache.
const PANEL: usize = 32;

/// How much is solved between two looks at the observer, in numbers that are read: a fraction of
/// a second. Small tables are done at one go.
const AT_ONCE: usize = 1 << 26;

/// How many numbers a vector takes while it is worked on; the rest up to it are zero.
pub(super) fn padded(factors: usize) -> usize {
    factors.next_multiple_of(LANES)
}

/// The fixed side: its vectors, and what all rows of the other side share.
pub(super) struct Fixed<'a> {
    pub(super) kernel: Kernel,
    pub(super) vectors: &'a Matrix,
    /// α₀ times the Gramian, both triangles.
    pub(super) shared: &'a [f32],
    pub(super) regularisation: f32,
    pub(super) exponent: f32,
    /// α₀ times the number of vectors: what the unobserved add to the frequency.
    pub(super) unobserved: f32,
}

impl<'a> Fixed<'a> {
    pub(super) fn new(
        kernel: Kernel,
        vectors: &'a Matrix,
        shared: &'a [f32],
        settings: &IalsSettings,
    ) -> Self {
        Self {
            kernel,
            vectors,
            shared,
            regularisation: settings.regularisation,
            exponent: settings.exponent,
            unobserved: settings.unobserved_weight * vectors.rows() as f32,
        }
    }

    /// The regularisation of one row, `λ (Σ w + α₀ n)^ν`: Rendle et al. 2022, §4.2, with the
    /// sum of the weights in place of the count, which is the same where every weight is 1.
    fn ridge(&self, weights: &[f32]) -> f32 {
        let frequency = weights.iter().sum::<f32>() + self.unobserved;
        self.regularisation * frequency.powf(self.exponent)
    }

    /// Solves every row of `solved` on all threads. Where that takes long, `between` is asked
    /// now and then whether to go on.
    pub(super) fn solve_all(
        &self,
        entries: &Interactions,
        method: Method,
        solved: &mut Matrix,
        between: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), Stopped> {
        let stride = self.vectors.columns();
        let mut first = 0;
        let mut rest = solved.values_mut();
        while !rest.is_empty() {
            let (mut rows, mut work) = (0, 0);
            while work < AT_ONCE && rows * stride < rest.len() {
                // An exact solution costs a row its cube besides.
                work += stride * (entries.row(first + rows).0.len() + stride);
                rows += 1;
            }
            let end = (rows.next_multiple_of(BATCH) * stride).min(rest.len());
            let (now, later) = rest.split_at_mut(end);
            now.par_chunks_mut(BATCH * stride)
                .enumerate()
                .for_each_init(Scratch::default, |scratch, (batch, xs)| {
                    self.solve_batch(entries, first + batch * BATCH, method, xs, scratch);
                });
            first += end / stride;
            rest = later;
            if !rest.is_empty() && between().is_break() {
                return Err(Stopped);
            }
        }
        Ok(())
    }

    /// Moves each vector in `xs` to the minimum for its row of `entries`, or nearer to it. The
    /// vectors, at most [`BATCH`] of them, belong to the rows from `first` on. They do not
    /// touch each other: together they only spare reading the Gramian for each.
    pub(super) fn solve_batch(
        &self,
        entries: &Interactions,
        first: usize,
        method: Method,
        xs: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let stride = self.vectors.columns();
        let rows: Vec<Row> = (first..first + xs.len() / stride)
            .map(|row| {
                let (columns, weights) = entries.row(row);
                Row {
                    columns,
                    weights,
                    ridge: self.ridge(weights),
                }
            })
            .collect();
        for (row, x) in rows.iter().zip(xs.chunks_exact_mut(stride)) {
            if row.columns.is_empty() {
                // Nothing but targets of zero and the ridge pull on it: it is at its minimum.
                x.fill(0.0);
            }
        }
        // The end of a table may leave a batch unfilled.
        scratch.xs.clear();
        scratch.xs.extend_from_slice(xs);
        scratch.xs.resize(BATCH * stride, 0.0);
        scratch.gradient.resize(BATCH * stride, 0.0);
        self.derivative(&rows, 1.0, &scratch.xs, &mut scratch.gradient);
        match method {
            Method::Exact => self.step_to_minimum(&rows, scratch),
            Method::Steps(steps) => self.descend(&rows, steps, scratch),
        }
        xs.copy_from_slice(&scratch.xs[..xs.len()]);
    }

    /// Half the first derivative of the loss at each of `xs`; with a target of 0 instead of 1,
    /// the second derivative times each.
    fn derivative(&self, rows: &[Row], target: f32, xs: &[f32], out: &mut [f32]) {
        let stride = self.vectors.columns();
        self.kernel.multiply_batch(xs, self.shared, stride, out);
        let each = rows
            .iter()
            .zip(xs.chunks_exact(stride))
            .zip(out.chunks_exact_mut(stride));
        for ((row, x), out) in each {
            out.iter_mut()
                .zip(x)
                .for_each(|(out, x)| *out += row.ridge * x);
            let vectors = self.vectors.as_rows();
            self.kernel
                .add_pulls(vectors, row.columns, row.weights, x, target, out);
        }
    }

    /// One Newton step, which is exact as the loss is quadratic. It starts at the old vector
    /// rather than at zero: the smaller the step, the less its rounding matters.
    fn step_to_minimum(&self, rows: &[Row], scratch: &mut Scratch) {
        let stride = self.vectors.columns();
        let mut gradient = std::mem::take(&mut scratch.gradient);
        for (at, row) in rows
            .iter()
            .enumerate()
            .filter(|(_, row)| !row.columns.is_empty())
        {
            let within = at * stride..(at + 1) * stride;
            let step = &mut gradient[within.clone()];
            self.factor(row.columns, row.weights, scratch);
            self.kernel.solve(&scratch.hessian, step);
            scratch.xs[within]
                .iter_mut()
                .zip(step)
                .for_each(|(x, step)| *x -= *step);
        }
        scratch.gradient = gradient;
    }

    /// Leaves the Cholesky factor of the second derivative in `scratch.hessian`.
    pub(super) fn factor(&self, columns: &[u32], weights: &[f32], scratch: &mut Scratch) {
        let stride = self.vectors.columns();
        let ridge = self.ridge(weights);
        let Scratch {
            copies, hessian, ..
        } = scratch;
        hessian.clear();
        hessian.extend_from_slice(self.shared);
        hessian
            .iter_mut()
            .step_by(stride + 1)
            .for_each(|diagonal| *diagonal += ridge);
        for (columns, weights) in columns.chunks(PANEL).zip(weights.chunks(PANEL)) {
            self.copy(columns, copies);
            self.kernel.add_outer(
                Rows {
                    values: copies,
                    stride,
                },
                0,
                weights,
                hessian,
                stride,
                stride,
            );
        }
        self.kernel.factorise(hessian, stride);
    }

    /// Conjugate gradients (Hestenes and Stiefel 1952) from the old vectors, which the sweep
    /// before has left near the new minimum: Takács, Pilászy, Tikk 2011, "Applications of the
    /// Conjugate Gradient Method for Implicit Feedback Collaborative Filtering", §3.
    fn descend(&self, rows: &[Row], steps: usize, scratch: &mut Scratch) {
        let stride = self.vectors.columns();
        let Scratch {
            xs,
            gradient,
            direction,
            curved,
            ..
        } = scratch;
        direction.clear();
        direction.extend(gradient.iter().map(|slope| -slope));
        curved.resize(direction.len(), 0.0);
        let mut steepness = [0.0; BATCH];
        for (steepness, slope) in steepness.iter_mut().zip(gradient.chunks_exact(stride)) {
            *steepness = self.kernel.dot(slope, slope);
        }
        for _ in 0..steps {
            self.derivative(rows, 0.0, direction, curved);
            for (at, steepness) in steepness.iter_mut().enumerate().take(rows.len()) {
                let within = at * stride..(at + 1) * stride;
                let (x, slope) = (&mut xs[within.clone()], &mut gradient[within.clone()]);
                let (direction, curved) = (&mut direction[within.clone()], &curved[within]);
                let curvature = self.kernel.dot(direction, curved);
                // At the minimum there is no direction left; a step would divide by nothing.
                if curvature <= f32::MIN_POSITIVE {
                    continue;
                }
                let step = *steepness / curvature;
                x.iter_mut()
                    .zip(direction.iter())
                    .for_each(|(x, d)| *x += step * d);
                slope
                    .iter_mut()
                    .zip(curved)
                    .for_each(|(slope, c)| *slope += step * c);
                let before = std::mem::replace(steepness, self.kernel.dot(slope, slope));
                let keep = *steepness / before;
                direction
                    .iter_mut()
                    .zip(slope.iter())
                    .for_each(|(d, s)| *d = keep * *d - s);
            }
        }
    }

    /// Copies the vectors of these columns side by side.
    pub(super) fn copy(&self, columns: &[u32], copies: &mut Vec<f32>) {
        copies.clear();
        for &column in columns {
            copies.extend_from_slice(self.vectors.row(column as usize));
        }
    }
}

/// One row of the side being solved.
struct Row<'a> {
    columns: &'a [u32],
    weights: &'a [f32],
    ridge: f32,
}

/// Memory that a thread uses again for each batch.
#[derive(Default)]
pub(super) struct Scratch {
    xs: Vec<f32>,
    copies: Vec<f32>,
    pub(super) hessian: Vec<f32>,
    gradient: Vec<f32>,
    direction: Vec<f32>,
    curved: Vec<f32>,
}

/// `scale · Σ v vᵀ` over the rows of `vectors`, both triangles, on all threads.
///
/// The sum is cut into parts by the number of rows alone, and the parts are added in order:
/// the number of threads does not show in the result.
///
/// Of many vectors the sum takes a while; `between` is asked now and then whether to go on.
pub(super) fn gramian(
    kernel: Kernel,
    vectors: &Matrix,
    scale: f32,
    between: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Vec<f32>, Stopped> {
    let stride = vectors.columns();
    let part = vectors.rows().div_ceil(64).max(128);
    let sum_of = |rows: &[f32]| {
        let mut sum = vec![0.0; stride * stride];
        for panel in rows.chunks(PANEL * stride) {
            kernel.add_outer(
                Rows {
                    values: panel,
                    stride,
                },
                0,
                &[1.0; PANEL],
                &mut sum,
                stride,
                stride,
            );
        }
        sum
    };
    let mut sum = vec![0.0; stride * stride];
    // A multiplication and an addition each, of which there are many more a second than reads.
    let at_once = (32 * AT_ONCE / (part * stride * stride)).max(1);
    let mut groups = vectors.values().chunks(at_once * part * stride).peekable();
    while let Some(group) = groups.next() {
        let parts: Vec<Vec<f32>> = group.par_chunks(part * stride).map(sum_of).collect();
        for part in parts {
            sum.iter_mut()
                .zip(part)
                .for_each(|(sum, part)| *sum += part);
        }
        if groups.peek().is_some() && between().is_break() {
            return Err(Stopped);
        }
    }
    for row in 0..stride {
        for column in row..stride {
            let value = scale * sum[row * stride + column];
            sum[row * stride + column] = value;
            sum[column * stride + row] = value;
        }
    }
    Ok(sum)
}
