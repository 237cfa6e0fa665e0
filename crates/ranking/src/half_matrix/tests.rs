use proptest::prelude::*;

use super::*;

#[test]
fn halves_are_those_that_numpy_gives() {
    // `numpy.float16(x).view(numpy.uint16)`.
    for (value, wanted) in [
        (1.0, 0x3c00),
        (-2.0, 0xc000),
        (0.1, 0x2e66),
        (1.000_488_3, 0x3c00),
        (1.001_464_8, 0x3c02),
        (65_504.0, 0x7bff),
        (6.103_515_6e-5, 0x0400),
        (1234.567, 0x64d3),
    ] {
        assert_eq!(narrowed(value), wanted, "{value}");
    }
}

#[test]
fn a_row_of_zeros_and_one_that_is_huge_stay_finite() {
    let mut matrix = HalfMatrix::zeros(3, 2);
    let mut rows = matrix.rows_mut();
    rows[1].write(&[f32::MAX, -1.0]);
    rows[2].write(&[f32::MIN_POSITIVE, -f32::MIN_POSITIVE]);

    let mut sum = Vec::new();
    matrix.sum_of_rows(&[(0, 1.0), (1, 1.0)], &mut sum);
    assert!(sum.iter().all(|value| value.is_finite()) && sum[0] > 1e8);
    matrix.sum_of_rows(&[(2, 1.0)], &mut sum);
    assert_eq!(sum, [f32::MIN_POSITIVE, -f32::MIN_POSITIVE]);
    assert!(HalfMatrix::from_parts(2, vec![1.0], vec![0; 15]).is_none());
    assert!(HalfMatrix::from_parts(2, vec![f32::NAN], vec![0; 16]).is_none());
}

proptest! {
    #[test]
    fn numbers_are_off_by_a_two_thousandth_at_most_and_rows_add_up(
        values in prop::collection::vec(-1_f32..1.0, 9 * 37),
        shift in -20_i32..20,
        factors in prop::collection::vec(-2_f32..2.0, 9),
    ) {
        let scale = 2_f32.powi(shift);
        let values: Vec<f32> = values.iter().map(|value| value.powi(3) * scale).collect();
        let mut matrix = HalfMatrix::zeros(9, 37);
        for (mut row, values) in matrix.rows_mut().into_iter().zip(values.chunks(37)) {
            row.write(values);
        }
        let mut wanted = vec![0.0_f64; 37];
        for (row, values) in values.chunks(37).enumerate() {
            for (column, value) in values.iter().enumerate() {
                let got = matrix.get(row, column);
                prop_assert!((got - value).abs() <= value.abs() / 2048.0 + scale * 1e-8);
                wanted[column] += f64::from(factors[row]) * f64::from(got);
            }
        }
        let picked: Vec<(u32, f32)> = (0..).zip(factors).collect();
        let mut sum = Vec::new();
        matrix.sum_of_rows(&picked, &mut sum);
        for (got, wanted) in sum.iter().zip(wanted) {
            prop_assert!((f64::from(*got) - wanted).abs() < 1e-5 * f64::from(scale));
        }
        let again = HalfMatrix::from_parts(37, matrix.units().to_vec(), matrix.bits().to_vec());
        prop_assert_eq!(again.unwrap(), matrix);
    }
}
