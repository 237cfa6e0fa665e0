//! Desert, mountains, sea.

use super::super::canvas::Canvas;

/// A low sun behind table mountains, with cactuses in front.
pub(super) fn desert(c: &mut Canvas<'_>) {
    let p = c.palette;
    let sun = (c.width * c.rng.between(0.36, 0.64), c.horizon * 0.5);
    let r = c.size * 0.27;
    for (grow, opacity) in [(1.75, 0.12), (1.4, 0.16), (1.16, 0.22)] {
        c.circle(sun, r * grow, p.light, opacity);
    }
    c.circle(sun, r, p.light, 1.0);
    for (floor, rise, fill, opacity) in [
        (0.86, 0.3, p.far, 0.65),
        (0.93, 0.25, p.far, 1.0),
        (1.0, 0.15, p.near, 1.0),
    ] {
        mesas(c, c.horizon * floor, c.horizon * rise, fill, opacity);
    }
    for _ in 0..4 {
        let at = (
            sun.0 + c.size * c.rng.between(-0.36, 0.36),
            c.horizon * c.rng.between(0.1, 0.3),
        );
        let span = c.size * c.rng.between(0.03, 0.055);
        c.bird(at, span, p.ground);
    }
    let side = if c.rng.happens(0.5) { 0.2 } else { 0.8 };
    let foot = c.horizon + c.size * 0.02;
    cactus(c, (c.width * side, foot), c.size * 0.42);
    cactus(c, (c.width * (1.0 - side) * 1.02, foot), c.size * 0.2);
}

/// A row of table mountains from side to side.
fn mesas(c: &mut Canvas<'_>, floor: f64, rise: f64, fill: &str, opacity: f64) {
    let mut points = vec![(0.0, c.horizon + 1.0), (0.0, floor)];
    let mut x = -c.width * c.rng.between(0.0, 0.2);
    while x < c.width {
        let gap = c.width * c.rng.between(0.05, 0.2);
        let table = c.width * c.rng.between(0.1, 0.26);
        let top = floor - rise * c.rng.between(0.45, 1.0);
        let slope = table * 0.12;
        let shoulder = floor - (floor - top) * 0.35;
        points.extend([
            (x + gap, floor),
            (x + gap + slope, shoulder),
            (x + gap + slope * 1.5, top),
            (x + gap + table - slope * 1.5, top),
            (x + gap + table - slope, shoulder),
            (x + gap + table, floor),
        ]);
        x += gap + table;
    }
    points.extend([(c.width, floor), (c.width, c.horizon + 1.0)]);
    c.polygon(&points, fill, opacity);
}

fn cactus(c: &mut Canvas<'_>, (x, y): (f64, f64), height: f64) {
    let fill = c.palette.ground;
    let thick = height * 0.15;
    c.stroke(
        &format!("M{x:.2} {y:.2}V{:.2}", y - height),
        (fill, thick),
        1.0,
    );
    for (side, foot, reach, up) in [(-1.0, 0.42, 0.24, 0.34), (1.0, 0.55, 0.22, 0.3)] {
        let (base, out) = (y - height * foot, x + side * height * reach);
        let bend = height * 0.1;
        let arm = format!(
            "M{x:.2} {base:.2}H{:.2}Q{out:.2} {base:.2} {out:.2} {:.2}V{:.2}",
            out - side * bend,
            base - bend,
            base - height * up,
        );
        c.stroke(&arm, (fill, thick * 0.72), 1.0);
    }
}

/// Mountains behind mountains, a sun, pines in front.
pub(super) fn peaks(c: &mut Canvas<'_>) {
    let p = c.palette;
    let sun = (c.width * c.rng.between(0.3, 0.7), c.horizon * 0.34);
    for (grow, opacity) in [(1.9, 0.18), (1.4, 0.28), (1.0, 1.0)] {
        c.circle(sun, c.size * 0.15 * grow, p.light, opacity);
    }
    let far = c.rng.between(0.35, 0.65);
    range(c, 0.36, far, p.far, 0.55);
    range(c, 0.5, 1.0 - far, p.far, 1.0);
    range(c, 0.68, far * 0.7 + 0.1, p.near, 0.72);
    range(c, 0.82, 1.0 - far * 0.6, p.near, 1.0);
    let mut x = -0.02 * c.width;
    while x < c.width * 1.02 {
        let middle = (x / c.width - 0.5).abs() * 2.0;
        let tall = c.size * (0.07 + 0.2 * middle * middle) * c.rng.between(0.75, 1.25);
        pine(c, (x, c.horizon + c.size * 0.015), tall);
        x += tall * c.rng.between(0.3, 0.5);
    }
    for place in 0..3 {
        let at = (
            sun.0 + c.size * (0.2 + 0.07 * f64::from(place)),
            sun.1 - c.size * c.rng.between(-0.02, 0.08),
        );
        c.bird(at, c.size * 0.035, p.near);
    }
}

/// A range whose highest peak stands at `peak` (a share of the width) and `top` (of the scene).
fn range(c: &mut Canvas<'_>, top: f64, peak: f64, fill: &str, opacity: f64) {
    let steps = 14;
    let mut points = vec![(0.0, c.horizon + 1.0)];
    for step in 0..=steps {
        let share = f64::from(step) / f64::from(steps);
        let away = (share - peak).abs();
        let high = (1.0 - away * 1.15).max(0.25) * (1.0 - top);
        let jag = if step % 2 == 0 { 0.0 } else { 0.05 } + c.rng.between(0.0, 0.035);
        points.push((c.width * share, c.horizon * (1.0 - high + jag)));
    }
    points.push((c.width, c.horizon + 1.0));
    c.polygon(&points, fill, opacity);
}

fn pine(c: &mut Canvas<'_>, (x, y): (f64, f64), height: f64) {
    let fill = c.palette.ground;
    for (foot, top, half) in [(0.0, 0.5, 0.24), (0.28, 0.76, 0.19), (0.52, 1.0, 0.13)] {
        let points = [
            (x - half * height, y - foot * height),
            (x, y - top * height),
            (x + half * height, y - foot * height),
        ];
        c.polygon(&points, fill, 1.0);
    }
}

/// A heart that sets over the sea, two boats.
pub(super) fn sea(c: &mut Canvas<'_>) {
    let p = c.palette;
    let water = c.horizon * 0.7;
    let x = c.width * c.rng.between(0.44, 0.56);
    let half = c.size * 0.27;
    for (grow, opacity) in [(1.5, 0.12), (1.22, 0.2), (1.0, 1.0)] {
        heart(c, (x, water - half * 0.62), half * grow, opacity);
    }
    c.rect(
        (0.0, water),
        (c.width, c.horizon - water + 1.0),
        p.near,
        1.0,
    );
    let deep = c.horizon - water;
    for line in 0..9 {
        let depth = (f64::from(line) + 0.5) / 9.0;
        let wide = half * (1.25 - 0.75 * depth) * c.rng.between(0.75, 1.1);
        let sway = half * c.rng.between(-0.14, 0.14);
        let at = (x - wide + sway, water + deep * depth);
        c.rect(at, (wide * 2.0, deep * 0.035), p.light, 0.85 - 0.5 * depth);
    }
    let side = if c.rng.happens(0.5) { 1.0 } else { -1.0 };
    boat(
        c,
        (x - side * c.size * 0.24, water + deep * 0.3),
        c.size * 0.17,
        side,
    );
    boat(
        c,
        (x - side * c.size * 0.4, water + deep * 0.16),
        c.size * 0.1,
        side,
    );
    for place in 0..2 {
        let away = c.size * (0.26 + 0.08 * f64::from(place));
        let at = (x + side * away, c.horizon * (0.2 + 0.03 * f64::from(place)));
        c.bird(at, c.size * 0.05, p.ground);
    }
}

fn heart(c: &mut Canvas<'_>, (x, y): (f64, f64), half: f64, opacity: f64) {
    let at = |dx: f64, dy: f64| format!("{:.2} {:.2}", x + dx * half, y + dy * half);
    let path = format!(
        "M{}C{} {} {}C{} {} {}C{} {} {}C{} {} {}Z",
        at(0.0, 0.95),
        at(-0.55, 0.5),
        at(-1.0, 0.15),
        at(-1.0, -0.32),
        at(-1.0, -0.95),
        at(-0.25, -1.0),
        at(0.0, -0.45),
        at(0.25, -1.0),
        at(1.0, -0.95),
        at(1.0, -0.32),
        at(1.0, 0.15),
        at(0.55, 0.5),
        at(0.0, 0.95),
    );
    let fill = c.palette.light;
    c.shape(&path, fill, opacity);
}

fn boat(c: &mut Canvas<'_>, (x, y): (f64, f64), height: f64, side: f64) {
    let (hull, sail) = (c.palette.ground, c.palette.low);
    let half = height * 0.42;
    let points = [
        (x - half, y - height * 0.12),
        (x + half, y - height * 0.12),
        (x + half * 0.65, y),
        (x - half * 0.65, y),
    ];
    c.polygon(&points, hull, 1.0);
    let (low, high) = (y - height * 0.17, y - height);
    let main = [(x, high), (x, low), (x + side * half * 0.95, low)];
    c.polygon(&main, sail, 1.0);
    let jib = [
        (x - side * height * 0.04, high + height * 0.14),
        (x - side * height * 0.04, low),
        (x - side * half * 0.7, low),
    ];
    c.polygon(&jib, sail, 0.75);
}
