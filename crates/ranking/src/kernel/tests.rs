use super::*;

/// Numbers between -1 and 1 that look random enough.
fn numbers(count: usize, start: u32) -> Vec<f32> {
    let mut state = start.wrapping_mul(747_796_405).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 32_768.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

fn assert_near(got: &[f32], wanted: &[f64]) {
    assert_eq!(got.len(), wanted.len());
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!(
            (f64::from(*got) - wanted).abs() < 1e-4,
            "{at}: {got} is not {wanted}"
        );
    }
}

/// Every version that this processor can run.
fn versions() -> Vec<Kernel> {
    let mut versions = vec![Kernel::portable(), Kernel::detect()];
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        versions.push(Kernel(Level::Avx2));
    }
    versions
}

#[test]
fn products_equal_the_plain_sums_whatever_the_length() {
    for (kernel, length) in versions()
        .into_iter()
        .flat_map(|k| [0, 1, 15, 16, 37].map(|l| (k, l)))
    {
        let (rows, x) = (numbers(5 * 40, 1), numbers(length, 2));
        let wanted: Vec<f64> = rows
            .chunks(40)
            .map(|row| 1.0 + product(&row[3..3 + length], &x))
            .collect();
        let mut got = vec![1.0; 5];
        kernel.add_products(
            Rows {
                values: &rows,
                stride: 40,
            },
            3,
            &x,
            &mut got,
        );
        assert_near(&got, &wanted);
        assert_near(
            &[kernel.dot(&rows[..length], &x)],
            &[product(&rows[..length], &x)],
        );
    }
}

#[test]
fn picked_products_equal_the_plain_sums() {
    let (rows, x) = (numbers(10 * 48, 1), numbers(48, 2));
    let picked = [9, 0, 3, 3, 5, 1, 8];
    let wanted: Vec<f64> = picked
        .iter()
        .map(|at| product(&rows[at * 48..(at + 1) * 48], &x))
        .collect();
    for kernel in versions() {
        let mut got = vec![7.0; 7];
        kernel.picked_products(
            Rows {
                values: &rows,
                stride: 48,
            },
            &picked.map(|at| at as u32),
            &x,
            &mut got,
        );
        assert_near(&got, &wanted);
    }
}

#[test]
fn pulls_equal_the_plain_sum() {
    let (rows, x, weights) = (numbers(10 * 32, 1), numbers(32, 2), numbers(7, 3));
    let picked = [9, 0, 3, 3, 5, 1, 8];
    let mut wanted = vec![0.5; 32];
    for (row, weight) in picked
        .iter()
        .map(|at| &rows[at * 32..(at + 1) * 32])
        .zip(&weights)
    {
        let pull = f64::from(*weight) * (product(row, &x) - 1.0);
        wanted
            .iter_mut()
            .zip(row)
            .for_each(|(sum, v)| *sum += pull * f64::from(*v));
    }
    for kernel in versions() {
        let mut got = vec![0.5; 32];
        kernel.add_pulls(
            Rows {
                values: &rows,
                stride: 32,
            },
            &picked.map(|at| at as u32),
            &weights,
            &x,
            1.0,
            &mut got,
        );
        assert_near(&got, &wanted);
    }
}

#[test]
fn a_batch_is_multiplied_vector_by_vector() {
    let (xs, square) = (numbers(BATCH * 32, 1), numbers(32 * 32, 2));
    let column = |at: usize| {
        square
            .iter()
            .skip(at)
            .step_by(32)
            .copied()
            .collect::<Vec<_>>()
    };
    let columns: Vec<Vec<f32>> = (0..32).map(column).collect();
    let wanted: Vec<f64> = xs
        .chunks(32)
        .flat_map(|x| columns.iter().map(move |c| product(x, c)))
        .collect();
    for kernel in versions() {
        let mut got = vec![9.0; BATCH * 32];
        kernel.multiply_batch(&xs, &square, 32, &mut got);
        assert_near(&got, &wanted);
    }
}

#[test]
fn outer_products_fill_the_upper_triangle() {
    let (rows, weights) = (numbers(6 * 64, 1), numbers(6, 2));
    for kernel in versions() {
        let mut got = vec![2.0; 40 * 32];
        kernel.add_outer(
            Rows {
                values: &rows,
                stride: 64,
            },
            16,
            &weights,
            &mut got,
            40,
            32,
        );
        for (row, column) in (0..32).flat_map(|row| (row..32).map(move |column| (row, column))) {
            let side = |at: usize| rows.iter().skip(16 + at).step_by(64).copied();
            let left: Vec<f32> = side(row).zip(&weights).map(|(v, w)| v * w).collect();
            let wanted = 2.0 + product(&left, &side(column).collect::<Vec<_>>());
            assert_near(&[got[row * 40 + column]], &[wanted]);
        }
    }
}

#[test]
fn a_factorised_matrix_solves_its_equations() {
    for (kernel, width) in versions()
        .into_iter()
        .flat_map(|k| [16, 32, 80].map(|w| (k, w)))
    {
        let rows = numbers(100 * width, 1);
        let mut matrix = vec![0.0; width * width];
        kernel.add_outer(
            Rows {
                values: &rows,
                stride: width,
            },
            0,
            &[1.0; 100],
            &mut matrix,
            width,
            width,
        );
        matrix
            .iter_mut()
            .step_by(width + 1)
            .for_each(|diagonal| *diagonal += 1.0);
        let full: Vec<f32> = (0..width * width)
            .map(|at| (at / width, at % width))
            .map(|(row, column)| matrix[row.min(column) * width + row.max(column)])
            .collect();
        let wanted = numbers(width, 2);
        let mut x: Vec<f32> = full
            .chunks(width)
            .map(|r| product(r, &wanted) as f32)
            .collect();

        kernel.factorise(&mut matrix, width);
        kernel.solve(&matrix, &mut x);

        assert_near(
            &x,
            &wanted.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn a_matrix_without_full_rank_still_gives_finite_numbers() {
    for kernel in versions() {
        let mut matrix = vec![1.0; 32 * 32];
        let mut x = vec![1.0; 32];
        kernel.factorise(&mut matrix, 32);
        kernel.solve(&matrix, &mut x);
        assert!(x.iter().all(|v| v.is_finite()));
    }
}
