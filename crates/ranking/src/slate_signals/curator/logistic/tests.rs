use super::*;

/// Six rows of two columns.
fn small() -> Examples {
    let mut examples = Examples::default();
    for (x, y, outcome) in [
        (1.0, 0.5, true),
        (0.2, -1.0, false),
        (-0.7, 0.3, false),
        (0.9, 0.9, true),
        (-0.1, -0.4, true),
        (0.4, 0.8, false),
    ] {
        examples.push([(0, x), (1, y)], outcome);
    }
    examples
}

#[test]
fn the_derivative_of_the_loss_vanishes_at_the_solution() {
    let (examples, l2) = (small(), 0.5);
    let fit = fit(&examples, 2, l2);
    // Written out from the formula: Σ (p − y) x + λ w, and Σ (p − y) for the intercept.
    let mut derivative = [l2 * fit.weights[0], l2 * fit.weights[1], 0.0];
    for (row, outcome) in examples.rows().zip(&examples.outcomes) {
        let z = fit.weights[0] * row[0].1 + fit.weights[1] * row[1].1 + fit.intercept;
        let error = 1.0 / (1.0 + (-z).exp()) - f64::from(u8::from(*outcome));
        derivative[0] += error * row[0].1;
        derivative[1] += error * row[1].1;
        derivative[2] += error;
    }
    assert!(
        derivative.iter().all(|it| it.abs() < 1e-8),
        "{derivative:?}"
    );
}

#[test]
fn any_step_away_from_the_solution_is_worse() {
    let (examples, l2) = (small(), 0.5);
    let fit = fit(&examples, 2, l2);
    let best = [fit.weights[0], fit.weights[1], fit.intercept];
    let loss = loss_at(&examples, &best, l2);
    for at in 0..3 {
        for step in [-1e-3, 1e-3] {
            let mut moved = best;
            moved[at] += step;
            assert!(loss_at(&examples, &moved, l2) > loss);
        }
    }
}

#[test]
fn examples_that_a_line_separates_do_not_drive_the_weights_to_infinity() {
    let mut examples = Examples::default();
    for x in [-2.0, -1.0, 1.0, 2.0] {
        examples.push([(0, x)], x > 0.0);
    }
    let fit = fit(&examples, 3, 1.0);
    assert!(fit.weights[0] > 0.5 && fit.weights[0] < 5.0);
    // Columns that no example has, have no weight.
    assert_eq!(fit.weights[1..], [0.0, 0.0]);
    assert!(fit.intercept.abs() < 1e-6);
}

#[test]
fn outcomes_that_are_all_alike_give_finite_weights() {
    let mut examples = Examples::default();
    examples.push([(0, 1.0)], true);
    examples.push([(0, 0.5)], true);
    let fit = fit(&examples, 1, 1.0);
    assert!(fit.weights[0].is_finite() && fit.intercept.is_finite());
}
