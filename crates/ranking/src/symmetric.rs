//! Large dense symmetric matrices: who was taken with whom, and the inverse of that.

mod product;

use std::ops::ControlFlow;

use rayon::prelude::*;

use super::kernel::{BLOCK, Kernel, LANES};
use super::matrix::Interactions;
pub use product::Strips;

/// Numbers in one block.
const AREA: usize = BLOCK * BLOCK;

/// How many numbers may be added up between two looks at the observer: a fraction of a second.
pub(super) const ADDITIONS: usize = 1 << 28;

/// How many blocks may be changed between two looks at the observer: 2³² multiplications.
const BLOCKS: usize = 1 << 11;

/// A symmetric matrix, of which the blocks on and above the diagonal are kept: rows of blocks one
/// after another, each block row by row. Past its size it is filled up with the identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Symmetric {
    size: usize,
    side: usize,
    values: Vec<f32>,
}

/// The observer asked to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stopped;

/// Hears how much is done, from 0 to 1, and may end the work.
pub type Observer<'a> = dyn FnMut(f32) -> ControlFlow<()> + 'a;

/// How many bytes a matrix of so many rows takes; what does not fit a number is too much.
pub fn bytes(size: usize) -> usize {
    let side = size.div_ceil(BLOCK);
    side.saturating_mul(side + 1) / 2 * AREA * size_of::<f32>()
}

impl Symmetric {
    /// The identity.
    pub fn identity(size: usize) -> Self {
        let side = size.div_ceil(BLOCK);
        let mut matrix = Self {
            size,
            side,
            values: vec![0.0; side * (side + 1) / 2 * AREA],
        };
        for at in 0..side * BLOCK {
            let index = matrix.index(at, at);
            matrix.values[index] = 1.0;
        }
        matrix
    }

    /// `XᵀX` for users (rows) by items (columns).
    ///
    /// # Errors
    /// [`Stopped`] if `observe` says so.
    pub fn gramian(by_user: &Interactions, observe: &mut Observer) -> Result<Self, Stopped> {
        let by_item = by_user.transpose();
        let work = |item: usize| {
            let users = by_item.row(item).0.iter();
            users.map(|user| by_user.row(*user as usize).0.len()).sum()
        };
        let fill = |item: usize, first: usize, sums: &mut [f32]| {
            let (users, weights) = by_item.row(item);
            for (user, own) in users.iter().zip(weights) {
                let (items, weights) = by_user.row(*user as usize);
                let from = items.partition_point(|item| (*item as usize) < first);
                for (item, weight) in items[from..].iter().zip(&weights[from..]) {
                    sums[*item as usize - first] += own * weight;
                }
            }
        };
        Self::from_rows(by_user.columns(), &work, &fill, observe)
    }

    /// From its rows: `fill` is given a row, the column from which on it is wanted, and the zeros
    /// to add the rest of it to, and `work` says how much is added for a row.
    ///
    /// # Errors
    /// [`Stopped`] if `observe` says so.
    pub fn from_rows(
        size: usize,
        work: &dyn Fn(usize) -> usize,
        fill: &(dyn Fn(usize, usize, &mut [f32]) + Sync),
        observe: &mut Observer,
    ) -> Result<Self, Stopped> {
        let mut matrix = Self::identity(size);
        let side = matrix.side;
        let mut rest: Vec<(usize, &mut [f32])> = Vec::with_capacity(side);
        let mut values = matrix.values.as_mut_slice();
        for row in 0..side {
            let (blocks, below) = values.split_at_mut((side - row) * AREA);
            rest.push((row, blocks));
            values = below;
        }
        let mut rest = rest.into_iter().peekable();
        while rest.peek().is_some() {
            let mut additions = 0;
            let mut group = Vec::new();
            while additions < ADDITIONS {
                let Some((row, blocks)) = rest.next() else {
                    break;
                };
                let items = row * BLOCK..((row + 1) * BLOCK).min(size);
                additions += items.map(work).sum::<usize>();
                group.push((row, blocks));
            }
            group
                .into_par_iter()
                .for_each_init(Vec::new, |sums, (row, blocks)| {
                    let first = row * BLOCK;
                    for item in first..(first + BLOCK).min(size) {
                        sums.clear();
                        sums.resize((side - row) * BLOCK, 0.0_f32);
                        fill(item, first, sums);
                        for (block, sums) in
                            blocks.chunks_exact_mut(AREA).zip(sums.chunks_exact(BLOCK))
                        {
                            block[(item - first) * BLOCK..][..BLOCK].copy_from_slice(sums);
                        }
                    }
                });
            let done = rest.peek().map_or(side, |(row, _)| *row);
            if observe(done as f32 / side as f32).is_break() {
                return Err(Stopped);
            }
        }
        Ok(matrix)
    }

    /// The number of rows.
    pub fn size(&self) -> usize {
        self.size
    }

    /// One number.
    ///
    /// # Panics
    /// If a place is not below [`Symmetric::size`].
    pub fn get(&self, row: usize, column: usize) -> f32 {
        assert!(row.max(column) < self.size, "the place is in the matrix");
        self.values[self.index(row.min(column), row.max(column))]
    }

    /// Adds to a number on the diagonal.
    ///
    /// # Panics
    /// If `at` is not below [`Symmetric::size`].
    pub fn add_to_diagonal(&mut self, at: usize, value: f32) {
        assert!(at < self.size, "the place is in the matrix");
        let index = self.index(at, at);
        self.values[index] += value;
    }

    /// Writes a whole row over `out`.
    ///
    /// # Panics
    /// If `row` is not below [`Symmetric::size`].
    pub fn row(&self, row: usize, out: &mut Vec<f32>) {
        assert!(row < self.size, "the row is in the matrix");
        out.clear();
        let (at, within) = (row / BLOCK, row % BLOCK);
        for above in 0..at {
            let block = self.block(above, at);
            out.extend((0..BLOCK).map(|row| block[row * BLOCK + within]));
        }
        for beside in at..self.side {
            out.extend_from_slice(&self.block(at, beside)[within * BLOCK..][..BLOCK]);
        }
        out.truncate(self.size);
    }

    /// Becomes its own inverse with the sign turned, `−A⁻¹`; it has to be positive definite.
    ///
    /// The symmetric sweep operator (Goodnight 1979, "A Tutorial on the SWEEP Operator"), on a
    /// block of rows at a time: with `P` the block on the diagonal and `B` the rest of its rows,
    /// the rest of the matrix becomes `A − Bᵀ P⁻¹ B`, `B` becomes `P⁻¹ B` and `P` becomes `−P⁻¹`.
    /// Half of the matrix is all that is ever touched: `n³/2` multiplications.
    ///
    /// A pivot that rounding has made too small is lifted, so finite numbers in give finite
    /// numbers out.
    ///
    /// # Errors
    /// [`Stopped`] if `observe` says so; the matrix is then without meaning.
    pub fn invert(&mut self, observe: &mut Observer) -> Result<(), Stopped> {
        let kernel = Kernel::detect();
        let side = self.side;
        let indices: Vec<(usize, usize)> = (0..side)
            .flat_map(|row| (row..side).map(move |column| (row, column)))
            .collect();
        for pivot in 0..side {
            let inverse = invert_block(self.block(pivot, pivot));
            let mut packed_inverse = vec![0.0; AREA];
            pack(&inverse, 1.0, &mut packed_inverse);
            let panels: Vec<Panel> = (0..side)
                .into_par_iter()
                .map(|beside| self.panel(kernel, pivot, beside, &packed_inverse))
                .collect();
            let groups = self.values.chunks_mut(BLOCKS * AREA);
            let count = groups.len();
            for (group, (blocks, indices)) in groups.zip(indices.chunks(BLOCKS)).enumerate() {
                let change = |(block, &(row, column)): (&mut [f32], &(usize, usize))| {
                    if row == pivot && column == pivot {
                        block
                            .iter_mut()
                            .zip(&inverse)
                            .for_each(|(to, value)| *to = -value);
                    } else if row == pivot {
                        unpack(&panels[column].solved, false, block);
                    } else if column == pivot {
                        unpack(&panels[row].solved, true, block);
                    } else {
                        let (left, right) = (&panels[row].plain, &panels[column].solved);
                        kernel.subtract_block(left, right, block);
                    }
                };
                blocks
                    .par_chunks_exact_mut(AREA)
                    .zip(indices)
                    .for_each(change);
                let done = pivot as f32 + (group + 1) as f32 / count as f32;
                if observe(done / side as f32).is_break() {
                    return Err(Stopped);
                }
            }
        }
        Ok(())
    }

    /// What stands beside the pivot in this column of blocks, and the same times its inverse.
    fn panel(&self, kernel: Kernel, pivot: usize, beside: usize, inverse: &[f32]) -> Panel {
        if beside == pivot {
            return Panel::default();
        }
        let mut plain = vec![0.0; AREA];
        if beside > pivot {
            pack(self.block(pivot, beside), 1.0, &mut plain);
        } else {
            pack_transposed(self.block(beside, pivot), &mut plain);
        }
        let mut product = vec![0.0; AREA];
        kernel.subtract_block(inverse, &plain, &mut product);
        let mut solved = vec![0.0; AREA];
        pack(&product, -1.0, &mut solved);
        Panel { plain, solved }
    }

    fn block(&self, row: usize, column: usize) -> &[f32] {
        &self.values[self.start(row, column)..][..AREA]
    }

    fn start(&self, row: usize, column: usize) -> usize {
        // The rows of blocks above hold `side`, `side − 1`, … blocks.
        let above = row * self.side - row * row.saturating_sub(1) / 2;
        (above + column - row) * AREA
    }

    fn index(&self, row: usize, column: usize) -> usize {
        self.start(row / BLOCK, column / BLOCK) + row % BLOCK * BLOCK + column % BLOCK
    }
}

/// A block beside the pivot in strips, and the same times the inverse of the pivot.
#[derive(Default)]
struct Panel {
    plain: Vec<f32>,
    solved: Vec<f32>,
}

/// Cuts a block into strips.
fn pack(block: &[f32], sign: f32, strips: &mut [f32]) {
    for (row, values) in block.chunks_exact(BLOCK).enumerate() {
        for (strip, values) in values.chunks_exact(LANES).enumerate() {
            let at = strip * BLOCK * LANES + row * LANES;
            for (to, value) in strips[at..at + LANES].iter_mut().zip(values) {
                *to = sign * value;
            }
        }
    }
}

fn pack_transposed(block: &[f32], strips: &mut [f32]) {
    for (column, values) in block.chunks_exact(BLOCK).enumerate() {
        let (strip, lane) = (column / LANES, column % LANES);
        for (row, value) in values.iter().enumerate() {
            strips[strip * BLOCK * LANES + row * LANES + lane] = *value;
        }
    }
}

fn unpack(strips: &[f32], transposed: bool, block: &mut [f32]) {
    for (strip, values) in strips.chunks_exact(BLOCK * LANES).enumerate() {
        for (row, values) in values.chunks_exact(LANES).enumerate() {
            for (lane, value) in values.iter().enumerate() {
                let column = strip * LANES + lane;
                let at = if transposed {
                    column * BLOCK + row
                } else {
                    row * BLOCK + column
                };
                block[at] = *value;
            }
        }
    }
}

/// The inverse of one block of a positive definite matrix, by Gauss and Jordan in `f64`: the
/// rounding here is the rounding of everything that comes after.
fn invert_block(block: &[f32]) -> Vec<f32> {
    let mut a: Vec<f64> = block.iter().map(|value| f64::from(*value)).collect();
    let largest = (0..BLOCK).map(|at| a[at * BLOCK + at]).fold(0.0, f64::max);
    let floor = (largest * 1e-7).max(f64::from(f32::MIN_POSITIVE));
    let mut pivot_row = vec![0.0; BLOCK];
    for pivot in 0..BLOCK {
        let shrink = 1.0 / a[pivot * BLOCK + pivot].max(floor);
        pivot_row.copy_from_slice(&a[pivot * BLOCK..][..BLOCK]);
        pivot_row[pivot] = 1.0;
        pivot_row.iter_mut().for_each(|value| *value *= shrink);
        for (row, values) in a.chunks_exact_mut(BLOCK).enumerate() {
            if row == pivot {
                values.copy_from_slice(&pivot_row);
            } else {
                let factor = std::mem::take(&mut values[pivot]);
                for (value, above) in values.iter_mut().zip(&pivot_row) {
                    *value -= factor * above;
                }
            }
        }
    }
    a.into_iter().map(|value| value as f32).collect()
}
