//! The product of a symmetric matrix with another one.

use rayon::prelude::*;

use super::super::half_matrix::{HalfMatrix, RowMut};
use super::super::kernel::{BLOCK, Kernel, LANES};
use super::{ADDITIONS, AREA, Observer, Stopped, Symmetric, pack, pack_transposed};

/// A square matrix in blocks, each cut into strips, ready to be multiplied with.
pub struct Strips {
    size: usize,
    side: usize,
    values: Vec<f32>,
}

impl Strips {
    /// From its rows: `fill` adds to the zeros of one, and `work` says how much it adds.
    ///
    /// # Errors
    /// [`Stopped`] if `observe` says so.
    pub fn from_rows(
        size: usize,
        work: &dyn Fn(usize) -> usize,
        fill: &(dyn Fn(usize, &mut [f32]) + Sync),
        observe: &mut Observer,
    ) -> Result<Self, Stopped> {
        let side = size.div_ceil(BLOCK);
        let mut values = vec![0.0; side * side * AREA];
        let mut rest = values
            .chunks_mut((side * AREA).max(1))
            .enumerate()
            .peekable();
        while rest.peek().is_some() {
            let (mut additions, mut group) = (0, Vec::new());
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
                    for item in row * BLOCK..((row + 1) * BLOCK).min(size) {
                        sums.clear();
                        sums.resize(side * BLOCK, 0.0_f32);
                        fill(item, sums);
                        let within = item % BLOCK;
                        let strips = blocks.chunks_exact_mut(BLOCK * LANES);
                        for (strip, sums) in strips.zip(sums.chunks_exact(LANES)) {
                            strip[within * LANES..][..LANES].copy_from_slice(sums);
                        }
                    }
                });
            let done = rest.peek().map_or(side, |(row, _)| *row);
            if observe(done as f32 / side.max(1) as f32).is_break() {
                return Err(Stopped);
            }
        }
        Ok(Self { size, side, values })
    }

    fn block(&self, row: usize, column: usize) -> &[f32] {
        &self.values[(row * self.side + column) * AREA..][..AREA]
    }
}

impl Symmetric {
    /// `−self · right`, in half precision. If it is `constrained`, each column of `self` is added
    /// to it so often that nothing is left on the diagonal.
    ///
    /// # Errors
    /// [`Stopped`] if `observe` says so.
    ///
    /// # Panics
    /// If the matrices differ in size.
    pub(crate) fn negated_product(
        &self,
        right: &Strips,
        constrained: bool,
        observe: &mut Observer,
    ) -> Result<HalfMatrix, Stopped> {
        assert_eq!(self.size, right.size, "the matrices have one size");
        let kernel = Kernel::detect();
        let (size, side) = (self.size, self.side);
        let own = if constrained {
            self.diagonal_shares(kernel, right)
        } else {
            Vec::new()
        };
        let mut product = HalfMatrix::zeros(size, size);
        let mut rows = product.rows_mut();
        let at_once = rayon::current_num_threads().max(1);
        for (group, rows) in rows.chunks_mut(BLOCK * at_once).enumerate() {
            let of_block = |(at, rows): (usize, &mut [RowMut<'_>])| {
                let row = group * at_once + at;
                let left = self.column_of_strips(row);
                let mut wide = vec![0.0; BLOCK * side * BLOCK];
                for column in 0..side {
                    let block = product_of(kernel, &left, right, column);
                    for (wide, block) in wide
                        .chunks_exact_mut(side * BLOCK)
                        .zip(block.chunks_exact(BLOCK))
                    {
                        wide[column * BLOCK..][..BLOCK].copy_from_slice(block);
                    }
                }
                let mut inverse = Vec::new();
                for (within, (to, wide)) in rows
                    .iter_mut()
                    .zip(wide.chunks_exact_mut(side * BLOCK))
                    .enumerate()
                {
                    let source = row * BLOCK + within;
                    if constrained {
                        self.row(source, &mut inverse);
                        for ((value, inverse), own) in wide.iter_mut().zip(&inverse).zip(&own) {
                            *value -= inverse * own;
                        }
                        wide[source] = 0.0;
                    }
                    to.write(&wide[..size]);
                }
            };
            rows.par_chunks_mut(BLOCK).enumerate().for_each(of_block);
            let done = ((group + 1) * at_once).min(side);
            if observe(done as f32 / side as f32).is_break() {
                return Err(Stopped);
            }
        }
        Ok(product)
    }

    /// How often each column has to be taken away from the product.
    fn diagonal_shares(&self, kernel: Kernel, right: &Strips) -> Vec<f32> {
        let of_block = |row: usize| {
            let left = self.column_of_strips(row);
            let block = product_of(kernel, &left, right, row);
            let items = row * BLOCK..((row + 1) * BLOCK).min(self.size);
            let share = |item: usize| {
                let within = item % BLOCK;
                block[within * BLOCK + within] / self.get(item, item)
            };
            items.map(share).collect::<Vec<f32>>()
        };
        let shares: Vec<Vec<f32>> = (0..self.side).into_par_iter().map(of_block).collect();
        shares.concat()
    }

    /// The blocks of one column, which are those of its row turned over, in strips.
    fn column_of_strips(&self, column: usize) -> Vec<f32> {
        let mut strips = vec![0.0; self.side * AREA];
        for (row, strips) in strips.chunks_exact_mut(AREA).enumerate() {
            if row <= column {
                pack(self.block(row, column), 1.0, strips);
            } else {
                pack_transposed(self.block(column, row), strips);
            }
        }
        strips
    }
}

/// One block of `−leftᵀ right`.
fn product_of(kernel: Kernel, left: &[f32], right: &Strips, column: usize) -> Vec<f32> {
    let mut block = vec![0.0; AREA];
    for (row, left) in left.chunks_exact(AREA).enumerate() {
        kernel.subtract_block(left, right.block(row, column), &mut block);
    }
    block
}
