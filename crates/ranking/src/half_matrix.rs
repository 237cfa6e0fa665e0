//! Large dense matrices in half precision: 2 bytes a number.

#[cfg(test)]
mod tests;

use super::kernel::{Kernel, LANES};

/// 2¹¹²: what stands between the exponents of half and single precision.
const LIFT: f64 = (1_u128 << 112) as f64;

/// The largest number of a row lies between 2¹⁴ and 2¹⁵ of its units, so that whatever is 2⁻²⁹
/// of it or more keeps 11 binary digits; less becomes zero.
const TOP: i32 = 14;

/// The exponent of the largest number that a row may have.
const MOST_EXPONENT: i32 = 28;

/// A table of numbers, each in the 16 bits of IEEE 754's binary16 and in units of its row; the
/// numbers of binary16 that are subnormal or not finite are not used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HalfMatrix {
    columns: usize,
    /// Row after row, each filled up with zeros to a multiple of [`LANES`].
    bits: Vec<u16>,
    /// The unit of each row times [`LIFT`].
    units: Vec<f32>,
}

/// A row of a [`HalfMatrix`] to be written.
pub(crate) struct RowMut<'a> {
    bits: &'a mut [u16],
    unit: &'a mut f32,
}

impl RowMut<'_> {
    /// Writes these finite numbers, as many as there are columns.
    pub(crate) fn write(&mut self, values: &[f32]) {
        let largest = values
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        if largest == 0.0 {
            self.bits.fill(0);
            *self.unit = 0.0;
            return;
        }
        let exponent = f64::from(largest).log2().floor() as i32;
        let exponent = exponent.min(MOST_EXPONENT) - TOP;
        *self.unit = (2_f64.powi(exponent) * LIFT) as f32;
        let shrink = 2_f64.powi(-exponent);
        for (bits, value) in self.bits.iter_mut().zip(values) {
            *bits = narrowed((f64::from(*value) * shrink) as f32);
        }
    }
}

impl HalfMatrix {
    /// A table of zeros.
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            columns,
            bits: vec![0; rows * columns.next_multiple_of(LANES)],
            units: vec![0.0; rows],
        }
    }

    /// From what [`HalfMatrix::units`] and [`HalfMatrix::bits`] have given; nothing if they do not
    /// fit each other or a unit is not finite.
    pub(crate) fn from_parts(columns: usize, units: Vec<f32>, bits: Vec<u16>) -> Option<Self> {
        let right = columns
            .checked_next_multiple_of(LANES)
            .and_then(|stride| stride.checked_mul(units.len()))
            .is_some_and(|count| count == bits.len())
            && units.iter().all(|unit| unit.is_finite());
        right.then_some(Self {
            columns,
            bits,
            units,
        })
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.units.len()
    }

    /// The number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The unit of each row.
    pub(crate) fn units(&self) -> &[f32] {
        &self.units
    }

    /// All numbers in units of their row, row after row, with the zeros that fill a row up.
    pub(crate) fn bits(&self) -> &[u16] {
        &self.bits
    }

    fn stride(&self) -> usize {
        self.columns.next_multiple_of(LANES)
    }

    /// All rows in their order, to be written.
    pub(crate) fn rows_mut(&mut self) -> Vec<RowMut<'_>> {
        let stride = self.stride().max(1);
        let rows = self.bits.chunks_exact_mut(stride).zip(&mut self.units);
        rows.map(|(bits, unit)| RowMut { bits, unit }).collect()
    }

    /// One number.
    ///
    /// # Panics
    /// If the place is not in the table.
    pub(crate) fn get(&self, row: usize, column: usize) -> f32 {
        assert!(column < self.columns, "the place is in the matrix");
        self.units[row] * widened(self.bits[row * self.stride() + column])
    }

    /// The sum of these rows, each `(row, factor)` times its factor, written over `sum`.
    ///
    /// # Panics
    /// If a row is not in the table.
    pub(crate) fn sum_of_rows(&self, picked: &[(u32, f32)], sum: &mut Vec<f32>) {
        sum.clear();
        sum.resize(self.stride(), 0.0);
        let rows: Vec<u32> = picked.iter().map(|(row, _)| *row).collect();
        let factor = |(row, factor): &(u32, f32)| factor * self.units[*row as usize];
        let factors: Vec<f32> = picked.iter().map(factor).collect();
        Kernel::detect().add_halves(&self.bits, self.stride(), &rows, &factors, sum);
        sum.truncate(self.columns);
    }
}

/// The number times 2⁻¹¹², exactly: moving its digits into place leaves the exponent by so much
/// too small. A processor does this for many at once.
#[inline(always)]
pub(crate) fn widened(half: u16) -> f32 {
    let bits = u32::from(half);
    f32::from_bits((bits & 0x8000) << 16 | (bits & 0x7fff) << 13)
}

/// The nearest number of half precision, of two the even one; zero for what is below its normal
/// numbers, and the largest for what is above.
fn narrowed(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let size = bits & 0x7fff_ffff;
    // The smallest normal number is 2⁻¹⁴, the largest finite one 65,504.
    if size < (127 - 14) << 23 {
        return sign;
    }
    let rounded = size + 0xfff + (size >> 13 & 1);
    let half = ((rounded >> 13) - (112 << 10)).min(0x7bff) as u16;
    sign | half
}
