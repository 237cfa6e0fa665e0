//! Plain shapes: a burst, a mosaic.

use super::super::canvas::Canvas;

/// Rays, a target, splinters that fly out of it, and somebody who runs.
pub(super) fn burst(c: &mut Canvas<'_>) {
    let p = c.palette;
    let middle = (
        c.width * c.rng.between(0.4, 0.6),
        c.horizon * c.rng.between(0.42, 0.54),
    );
    let reach = c.width.hypot(c.height);
    let rays = 18;
    let turn = c.rng.between(0.0, 0.3);
    for ray in 0..rays {
        let angle = std::f64::consts::TAU * f64::from(ray) / f64::from(rays) + turn;
        let half = std::f64::consts::PI / f64::from(rays) / 1.9;
        let end = |angle: f64| {
            (
                middle.0 + reach * angle.cos(),
                middle.1 + reach * angle.sin(),
            )
        };
        c.polygon(&[middle, end(angle - half), end(angle + half)], p.far, 0.55);
    }
    let r = c.size * 0.3;
    for (part, fill) in [
        (1.0, p.near),
        (0.86, p.light),
        (0.66, p.far),
        (0.44, p.light),
        (0.2, p.far),
    ] {
        c.circle(middle, r * part, fill, 1.0);
    }
    for _ in 0..26 {
        let angle = c.rng.between(0.0, std::f64::consts::TAU);
        let away = r * c.rng.between(0.75, 2.1);
        let long = c.size * c.rng.between(0.03, 0.11);
        let wide = long * c.rng.between(0.12, 0.3);
        let (cos, sin) = (angle.cos(), angle.sin());
        let at = (middle.0 + away * cos, middle.1 + away * sin);
        let points = [
            (at.0 + long * cos, at.1 + long * sin),
            (at.0 - wide * sin, at.1 + wide * cos),
            (at.0 + wide * sin, at.1 - wide * cos),
        ];
        let fill = c.rng.pick(&[p.near, p.near, p.light, p.far]);
        c.polygon(&points, fill, 1.0);
    }
    let ridge = c.horizon * 0.95;
    let ground = format!(
        "M0 {:.2}L{:.2} {ridge:.2}L{:.2} {:.2}L{:.2} {:.2}L{:.2} {:.2}V{:.2}H0Z",
        c.horizon * 0.98,
        c.width * 0.3,
        c.width * 0.52,
        c.horizon * 0.965,
        c.width * 0.8,
        c.horizon * 0.985,
        c.width,
        ridge,
        c.horizon + 2.0,
    );
    c.shape(&ground, p.ground, 1.0);
    let side = if c.rng.happens(0.5) { 1.0 } else { -1.0 };
    runner(c, (middle.0, c.horizon * 0.965), c.size * 0.42, side);
}

fn runner(c: &mut Canvas<'_>, (x, y): (f64, f64), height: f64, side: f64) {
    let fill = c.palette.ground;
    let h = height / 100.0;
    let at = |dx: f64, dy: f64| format!("{:.2} {:.2}", x + side * dx * h, y - dy * h);
    let limbs = [
        // Legs, arms, trunk.
        (
            format!(
                "M{} L{} L{}",
                at(-2.0, 44.0),
                at(17.0, 33.0),
                at(12.0, 12.0)
            ),
            9.0,
        ),
        (
            format!(
                "M{} L{} L{}",
                at(-2.0, 44.0),
                at(-12.0, 24.0),
                at(-33.0, 20.0)
            ),
            9.0,
        ),
        (
            format!("M{} L{} L{}", at(8.0, 72.0), at(22.0, 58.0), at(34.0, 68.0)),
            6.5,
        ),
        (
            format!(
                "M{} L{} L{}",
                at(8.0, 72.0),
                at(-12.0, 64.0),
                at(-16.0, 48.0)
            ),
            6.5,
        ),
        (format!("M{} L{}", at(-2.0, 46.0), at(8.0, 72.0)), 14.0),
        (format!("M{} L{}", at(12.0, 12.0), at(19.0, 11.0)), 6.5),
        (format!("M{} L{}", at(-33.0, 20.0), at(-36.0, 14.0)), 6.5),
    ];
    for (path, width) in limbs {
        c.stroke(&path, (fill, width * h), 1.0);
    }
    c.circle((x + side * 14.0 * h, y - 89.0 * h), 7.6 * h, fill, 1.0);
}

/// Quarter circles, rings and leaves in a grid.
pub(super) fn mosaic(c: &mut Canvas<'_>) {
    let p = c.palette;
    let columns = (c.width / (c.size / 4.0)).round().clamp(1.0, 64.0);
    let cell = c.width / columns;
    let rows = (c.horizon / cell).ceil().clamp(1.0, 128.0);
    let cells = (columns as usize, rows as usize);
    for row in 0..cells.1 {
        for column in 0..cells.0 {
            let place = (column as f64 * cell, c.horizon - (row + 1) as f64 * cell);
            tile(c, place, cell);
        }
    }
    c.rect(
        (0.0, c.horizon - c.size * 0.006),
        (c.width, c.size * 0.012),
        p.ground,
        1.0,
    );
}

fn tile(c: &mut Canvas<'_>, (x, y): (f64, f64), s: f64) {
    let p = c.palette;
    let colours = [p.light, p.far, p.near, p.ink, p.high];
    let back = c.rng.pick(&[p.high, p.low, p.far, p.near, p.light]);
    let others: Vec<&str> = colours
        .into_iter()
        .filter(|colour| *colour != back)
        .collect();
    let fore = c.rng.pick(&others);
    let third: Vec<&str> = others
        .into_iter()
        .filter(|colour| *colour != fore)
        .collect();
    let third = c.rng.pick(&third);
    // A hair larger, so that no line shows between two tiles.
    c.rect((x, y), (s + 0.5, s + 0.5), back, 1.0);
    let quarter = 90 * c.rng.below(4);
    c.raw(&format!(
        r#"<g transform="translate({x:.2} {y:.2}) scale({:.4}) rotate({quarter} 5 5)">"#,
        s / 10.0
    ));
    match c.rng.below(7) {
        0 => c.shape("M0 0H10A10 10 0 0 1 0 10Z", fore, 1.0),
        1 => {
            c.circle((5.0, 5.0), 5.0, fore, 1.0);
            c.circle((5.0, 5.0), 2.1, third, 1.0);
        }
        2 => c.shape("M0 0A10 10 0 0 1 10 10A10 10 0 0 1 0 0Z", fore, 1.0),
        3 => {
            c.shape("M0 0H10A10 10 0 0 1 0 10Z", fore, 1.0);
            c.shape("M0 0H5A5 5 0 0 1 0 5Z", third, 1.0);
        }
        4 => {
            c.shape("M0 5A5 5 0 0 1 10 5Z", fore, 1.0);
            c.shape("M0 10A5 5 0 0 1 10 10Z", third, 1.0);
        }
        5 => c.shape("M0 10L10 0V10Z", fore, 1.0),
        _ => {
            for stripe in 0..3 {
                let at = (0.0, 0.85 + 3.3 * f64::from(stripe));
                c.rect(at, (10.0, 1.65), fore, 1.0);
            }
        }
    }
    c.raw("</g>");
}
