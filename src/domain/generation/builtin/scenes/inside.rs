//! A doorway, a clown, a record.

use super::super::canvas::Canvas;

/// A lit doorway in a dark wall, somebody in it, and their shadow.
pub(super) fn doorway(c: &mut Canvas<'_>) {
    let p = c.palette;
    let side = if c.rng.happens(0.5) { 1.0 } else { -1.0 };
    let middle = c.width * 0.5 + side * c.size * c.rng.between(0.05, 0.14);
    let floor = c.horizon * 0.82;
    let (half, top) = (c.size * 0.13, c.horizon * 0.2);
    c.rect(
        (0.0, floor),
        (c.width, c.horizon - floor + 1.0),
        p.near,
        1.0,
    );
    for (grow, opacity) in [(2.6, 0.06), (1.9, 0.08), (1.4, 0.1)] {
        let (wide, high) = (half * grow, (floor - top) * (0.86 + 0.14 * grow));
        c.rect(
            (middle - wide, floor - high),
            (wide * 2.0, high),
            p.light,
            opacity,
        );
    }
    c.rect(
        (middle - half, top),
        (half * 2.0, floor - top),
        p.light,
        1.0,
    );
    let (slant, deep) = (side * half * 1.5, c.horizon + 1.0);
    let beam = [
        (middle - half, floor),
        (middle + half, floor),
        (middle + half * 1.7 - slant, deep),
        (middle - half * 1.7 - slant, deep),
    ];
    c.polygon(&beam, p.light, 0.92);
    let x = middle + side * half * 0.1;
    let tall = (floor - top) * 0.62;
    let shadow = [
        (x - tall * 0.07, floor),
        (x + tall * 0.07, floor),
        (x + tall * 0.2 - slant, deep),
        (x - tall * 0.2 - slant, deep),
    ];
    c.polygon(&shadow, p.near, 0.9);
    c.person(
        (x, floor + c.size * 0.008),
        tall,
        p.ground,
        c.rng.happens(0.3),
    );
    // The door, open into the dark.
    let leaf = middle - side * half;
    let swung = leaf - side * half * 1.15;
    let door = [
        (leaf, top),
        (swung, top - c.size * 0.035),
        (swung, floor + c.size * 0.05),
        (leaf, floor),
    ];
    c.polygon(&door, p.far, 1.0);
    let knob = (
        swung + side * half * 0.2,
        f64::midpoint(top, floor) + c.size * 0.02,
    );
    c.circle(knob, c.size * 0.01, p.light, 1.0);
}

/// A face with a hat, a red nose and a bow tie, in confetti.
pub(super) fn clown(c: &mut Canvas<'_>) {
    let p = c.palette;
    let middle = (c.width * 0.5, c.horizon * 0.55);
    let reach = c.width.hypot(c.horizon);
    for ray in 0..12 {
        let angle = std::f64::consts::TAU * f64::from(ray) / 12.0 + 0.13;
        let end = |turn: f64| {
            let angle = angle + turn;
            (
                middle.0 + reach * angle.cos(),
                middle.1 + reach * angle.sin(),
            )
        };
        c.polygon(&[middle, end(-0.13), end(0.13)], p.light, 0.28);
    }
    for _ in 0..46 {
        let at = (c.width * c.rng.fraction(), c.horizon * c.rng.fraction());
        let side = c.size * c.rng.between(0.012, 0.026);
        let fill = c.rng.pick(&[p.far, p.near, p.light, p.ground]);
        let turn = c.rng.between(0.0, 90.0);
        c.raw(&format!(
            r#"<g transform="rotate({turn:.1} {:.2} {:.2})">"#,
            at.0, at.1
        ));
        match c.rng.below(3) {
            0 => c.circle(at, side * 0.55, fill, 1.0),
            1 => c.rect(at, (side, side), fill, 1.0),
            _ => c.rect(at, (side * 1.7, side * 0.5), fill, 1.0),
        }
        c.raw("</g>");
    }
    let r = c.size * 0.25;
    let tilt = if c.rng.happens(0.5) { 7.0 } else { -7.0 };
    c.raw(&format!(
        r#"<g transform="translate({:.2} {:.2}) rotate({tilt}) scale({:.4})">"#,
        middle.0,
        middle.1 + r * 0.1,
        r / 10.0
    ));
    // Tufts of hair, the face, its hat.
    for side in [-1.0, 1.0] {
        for (dx, dy, r) in [(10.0, -1.0, 3.4), (11.6, 2.8, 3.0), (9.0, 5.6, 2.6)] {
            c.circle((side * dx, dy), r, p.far, 1.0);
        }
    }
    c.circle((0.0, 0.0), 10.0, p.light, 1.0);
    c.shape("M-6.2 -8.4L-5.4 -17.5H5.4L6.2 -8.4Z", p.near, 1.0);
    c.shape("M-5.95 -11.4L-5.7 -13.8H5.7L5.95 -11.4Z", p.far, 1.0);
    c.ellipse((0.0, -8.2), (10.4, 1.5), p.near, 1.0);
    // A flower on the hat.
    c.stroke("M3.4 -12.4Q4.6 -18 7.4 -19.6", (p.near, 0.5), 1.0);
    for petal in 0..5 {
        let angle = std::f64::consts::TAU * f64::from(petal) / 5.0;
        let at = (7.6 + 1.5 * angle.cos(), -20.2 + 1.5 * angle.sin());
        c.circle(at, 1.15, p.far, 1.0);
    }
    c.circle((7.6, -20.2), 1.0, p.light, 1.0);
    // Eyes, one of them winking; nose, mouth, cheeks.
    let wink = if c.rng.happens(0.5) { 1.0 } else { -1.0 };
    c.ellipse((-3.6 * wink, -2.4), (1.15, 1.75), p.near, 1.0);
    c.circle((-3.2 * wink, -3.0), 0.42, p.light, 1.0);
    let lid = format!(
        "M{} -2.2Q{} -4.4 {} -2.2",
        2.0 * wink,
        3.7 * wink,
        5.4 * wink
    );
    c.stroke(&lid, (p.near, 0.8), 1.0);
    c.stroke(
        &format!(
            "M{} -5.6Q{} -7 {} -5.6",
            -5.2 * wink,
            -3.6 * wink,
            -2.0 * wink
        ),
        (p.near, 0.7),
        1.0,
    );
    for side in [-1.0, 1.0] {
        c.circle((side * 6.3, 2.0), 1.5, p.far, 0.35);
    }
    c.shape(
        "M-6 3.2Q0 5.6 6 3.2Q5 8.6 0 8.6Q-5 8.6 -6 3.2Z",
        p.near,
        1.0,
    );
    c.shape(
        "M-3.3 7.3Q0 5.3 3.3 7.3Q2 8.5 0 8.5Q-2 8.5 -3.3 7.3Z",
        p.far,
        1.0,
    );
    c.circle((0.0, 0.9), 2.1, p.far, 1.0);
    c.circle((-0.6, 0.2), 0.5, p.light, 0.8);
    // The tie.
    c.shape("M0 12.6L-7 9.4V16.6L0 13.6L7 16.6V9.4Z", p.near, 1.0);
    for side in [-1.0, 1.0] {
        for (dx, dy) in [(3.4, 13.0), (5.4, 11.6), (5.4, 14.6)] {
            c.circle((side * dx, dy), 0.5, p.light, 1.0);
        }
    }
    c.circle((0.0, 13.0), 1.6, p.far, 1.0);
    c.raw("</g>");
}

/// A record on its way out of the sky, and the bars of its sound.
pub(super) fn record(c: &mut Canvas<'_>) {
    let p = c.palette;
    let middle = (c.width * 0.5, c.horizon * 0.45);
    let r = c.size * 0.36;
    for wave in 0..4 {
        let reach = r * (1.14 + 0.16 * f64::from(wave));
        let opacity = 0.75 - 0.17 * f64::from(wave);
        c.ring(middle, reach, (p.light, c.size * 0.01), opacity);
    }
    c.circle(middle, r, p.near, 1.0);
    for groove in 0..11 {
        let reach = r * (0.44 + 0.048 * f64::from(groove));
        c.ring(middle, reach, (p.ink, c.size * 0.0016), 0.32);
    }
    // Light on the grooves.
    let turn = c.rng.between(0.2, 0.6);
    for (place, opacity) in [(0.0, 0.22), (std::f64::consts::PI, 0.16)] {
        let edge = |angle: f64| {
            let angle = turn + place + angle;
            (middle.0 + r * angle.cos(), middle.1 + r * angle.sin())
        };
        c.polygon(
            &[middle, edge(-0.16), edge(0.0), edge(0.16)],
            p.ink,
            opacity,
        );
    }
    c.circle(middle, r * 0.36, p.far, 1.0);
    c.ring(middle, r * 0.27, (p.light, c.size * 0.006), 0.9);
    c.circle(middle, r * 0.045, p.light, 1.0);
    let bars = 31;
    let step = c.width / f64::from(bars);
    for bar in 0..bars {
        let away = (f64::from(bar) - f64::from(bars / 2)).abs() / f64::from(bars);
        let tall = c.horizon * (0.03 + 0.16 * c.rng.fraction() * (0.35 + away));
        let at = (step * (f64::from(bar) + 0.18), c.horizon - tall);
        let fill = if bar % 3 == 0 { p.far } else { p.near };
        c.rect(at, (step * 0.64, tall + 1.0), fill, 1.0);
    }
}
