//! A haunted house, a planet, a street in the rain.

use super::super::canvas::Canvas;

/// Stars over the upper part of the scene.
fn stars(c: &mut Canvas<'_>, count: usize, down_to: f64) {
    let fill = c.palette.ink;
    for _ in 0..count {
        let at = (
            c.width * c.rng.fraction(),
            c.horizon * down_to * c.rng.fraction(),
        );
        let r = c.size * (0.0012 + 0.0032 * c.rng.fraction().powi(3));
        let opacity = c.rng.between(0.3, 1.0);
        c.circle(at, r, fill, opacity);
    }
}

/// A house on a hill before the moon, one window lit, a bare tree.
pub(super) fn house(c: &mut Canvas<'_>) {
    let p = c.palette;
    let side = if c.rng.happens(0.5) { 1.0 } else { -1.0 };
    let middle = c.width * 0.5;
    let moon = (middle + side * c.size * 0.08, c.horizon * 0.42);
    let r = c.size * 0.32;
    for (grow, opacity) in [(1.5, 0.06), (1.25, 0.1), (1.09, 0.15), (1.0, 1.0)] {
        c.circle(moon, r * grow, p.light, opacity);
    }
    for (dx, dy, part) in [(-0.35, -0.3, 0.16), (0.3, -0.05, 0.1), (-0.1, 0.35, 0.13)] {
        c.circle((moon.0 + r * dx, moon.1 + r * dy), r * part, p.far, 0.09);
    }
    for _ in 0..5 {
        let at = (
            moon.0 + r * c.rng.between(-1.3, 1.3),
            moon.1 - r * c.rng.between(0.2, 0.95),
        );
        let span = c.size * c.rng.between(0.035, 0.075);
        c.bird(at, span, p.ground);
    }
    hill(c, 0.8, p.far);
    let foot = (middle + side * c.size * 0.12, c.horizon * 0.86);
    mansion(c, foot, c.size * 0.4);
    hill(c, 0.9, p.near);
    tree(
        c,
        (middle - side * c.size * 0.34, c.horizon),
        c.size * 0.62,
        side,
    );
    for grave in 0..4 {
        let x = middle + side * c.size * (0.12 + 0.11 * f64::from(grave));
        let tall = c.size * c.rng.between(0.05, 0.08);
        let foot = c.horizon + 1.0;
        let half = tall * 0.33;
        let stone = format!(
            "M{:.2} {foot:.2}V{:.2}A{half:.2} {half:.2} 0 0 1 {:.2} {:.2}V{foot:.2}Z",
            x - half,
            foot - tall,
            x + half,
            foot - tall,
        );
        c.shape(&stone, p.ground, 1.0);
    }
}

fn hill(c: &mut Canvas<'_>, top: f64, fill: &str) {
    let (low, top) = (c.horizon * (top + 0.1), c.horizon * top);
    let path = format!(
        "M0 {low:.2}Q{:.2} {:.2} {:.2} {low:.2}V{:.2}H0Z",
        c.width * 0.5,
        top * 2.0 - low,
        c.width,
        c.horizon + 1.0,
    );
    c.shape(&path, fill, 1.0);
}

fn mansion(c: &mut Canvas<'_>, (x, y): (f64, f64), height: f64) {
    let (wall, lamp) = (c.palette.near, c.palette.light);
    let h = height / 10.0;
    // Each part: left, width, height of its walls, height of its roof.
    for (left, width, walls, roof) in [
        (-4.2, 3.4, 4.0, 2.2),
        (-1.4, 2.6, 6.2, 3.4),
        (1.0, 3.4, 4.6, 1.8),
        (3.2, 1.5, 5.6, 2.6),
    ] {
        let (l, r) = (x + left * h, x + (left + width) * h);
        let eaves = y - walls * h;
        let points = [(l, y + 3.0 * h), (l, eaves), (r, eaves), (r, y + 3.0 * h)];
        c.polygon(&points, wall, 1.0);
        let points = [
            (l - 0.35 * h, eaves + 0.1 * h),
            (f64::midpoint(l, r), eaves - roof * h),
            (r + 0.35 * h, eaves + 0.1 * h),
        ];
        c.polygon(&points, wall, 1.0);
    }
    c.rect((x + 1.9 * h, y - 7.4 * h), (0.7 * h, 3.0 * h), wall, 1.0);
    let lit = c.rng.below(5);
    let windows = [
        (-0.5, 5.0),
        (-3.1, 2.9),
        (1.7, 3.2),
        (3.65, 4.2),
        (2.9, 3.2),
    ];
    for (place, (dx, up)) in windows.into_iter().enumerate() {
        let opacity = if place == lit { 1.0 } else { 0.22 };
        let (left, top) = (x + dx * h, y - up * h);
        c.rect((left, top), (0.75 * h, 1.15 * h), lamp, opacity);
        c.rect((left + 0.32 * h, top), (0.11 * h, 1.15 * h), wall, 1.0);
        c.rect((left, top + 0.5 * h), (0.75 * h, 0.11 * h), wall, 1.0);
    }
}

fn tree(c: &mut Canvas<'_>, foot: (f64, f64), height: f64, side: f64) {
    let lean = std::f64::consts::FRAC_PI_2 - side * 0.12;
    branch(c, foot, height * 0.36, lean, height * 0.075, 7);
}

fn branch(c: &mut Canvas<'_>, (x, y): (f64, f64), length: f64, angle: f64, thick: f64, more: u32) {
    let end = (x + length * angle.cos(), y - length * angle.sin());
    let bend = c.rng.between(-0.12, 0.12) * length;
    let path = format!(
        "M{x:.2} {y:.2}Q{:.2} {:.2} {:.2} {:.2}",
        f64::midpoint(x, end.0) + bend,
        f64::midpoint(y, end.1) + bend * 0.5,
        end.0,
        end.1,
    );
    let fill = c.palette.ground;
    c.stroke(&path, (fill, thick), 1.0);
    if more == 0 {
        return;
    }
    let forks = if c.rng.happens(0.25) { 3 } else { 2 };
    for fork in 0..forks {
        let spread = f64::from(fork) - f64::from(forks - 1) / 2.0;
        let turned = angle + spread * c.rng.between(0.55, 0.95) + c.rng.between(-0.16, 0.16);
        let shorter = length * c.rng.between(0.62, 0.82);
        branch(c, end, shorter, turned, thick * 0.62, more - 1);
    }
}

/// A ringed planet among stars, a rocket on its way.
pub(super) fn planet(c: &mut Canvas<'_>) {
    let p = c.palette;
    stars(c, 150, 1.0);
    let side = if c.rng.happens(0.5) { 1.0 } else { -1.0 };
    let middle = (c.width * 0.5 + side * c.size * 0.06, c.horizon * 0.46);
    let r = c.size * 0.27;
    for orbit in 0..4 {
        let reach = r * (1.75 + 0.42 * f64::from(orbit));
        c.ring(middle, reach, (p.ink, c.size * 0.0025), 0.22);
    }
    for (grow, opacity) in [(1.35, 0.07), (1.18, 0.1)] {
        c.circle(middle, r * grow, p.light, opacity);
    }
    let tilt = -side * c.rng.between(14.0, 26.0);
    let ring = |c: &mut Canvas<'_>, front: bool| {
        let sweep = if front { 0 } else { 1 };
        for (reach, width, colour) in [(1.86, 0.15, p.ink), (1.6, 0.1, p.far)] {
            let (rx, ry) = (r * reach, r * reach * 0.27);
            let path = format!(
                "M{:.2} {:.2}A{rx:.2} {ry:.2} 0 0 {sweep} {:.2} {:.2}",
                middle.0 - rx,
                middle.1,
                middle.0 + rx,
                middle.1,
            );
            c.raw(&format!(
                r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="{:.2}" opacity="0.9"/>"#,
                r * width * if front { 1.0 } else { 0.7 },
            ));
        }
    };
    let turn = format!(
        r#"<g transform="rotate({tilt:.2} {:.2} {:.2})">"#,
        middle.0, middle.1
    );
    c.raw(&turn);
    ring(c, false);
    c.raw(&format!(
        r#"<clipPath id="ball"><circle cx="{:.2}" cy="{:.2}" r="{r:.2}"/></clipPath><g clip-path="url(#ball)">"#,
        middle.0, middle.1
    ));
    c.circle(middle, r, p.light, 1.0);
    for band in 0..5 {
        let y = middle.1 - r * 0.82 + r * 0.38 * f64::from(band);
        let deep = r * c.rng.between(0.06, 0.2);
        let half = (middle.0 - r, y);
        c.rect(half, (2.0 * r, deep), p.far, 0.28);
    }
    let shade = (middle.0 + side * r * 0.62, middle.1 + r * 0.3);
    c.ring(shade, r * 1.5, (p.high, r * 0.9), 0.5);
    c.raw("</g>");
    ring(c, true);
    c.raw("</g>");
    let moon = (middle.0 - side * r * 1.45, middle.1 + r * 1.1);
    c.circle(moon, r * 0.16, p.ink, 0.95);
    c.circle(
        (moon.0 + r * 0.05, moon.1 - r * 0.03),
        r * 0.035,
        p.far,
        0.5,
    );
    rocket(
        c,
        (middle.0 - side * r * 1.25, middle.1 - r * 1.0),
        r * 0.42,
        side,
    );
    let curve = c.horizon * 0.94;
    let ground = format!(
        "M0 {:.2}Q{:.2} {:.2} {:.2} {:.2}V{:.2}H0Z",
        c.horizon + 1.0,
        c.width * 0.5,
        curve * 2.0 - c.horizon,
        c.width,
        c.horizon + 1.0,
        c.horizon + 2.0,
    );
    c.shape(&ground, p.ground, 1.0);
}

fn rocket(c: &mut Canvas<'_>, (x, y): (f64, f64), height: f64, side: f64) {
    let p = c.palette;
    let turned = 32.0 * side;
    c.raw(&format!(
        r#"<g transform="translate({x:.2} {y:.2}) rotate({turned:.2}) scale({:.4})">"#,
        height / 10.0
    ));
    for (dx, length) in [(-0.9, 5.0), (0.0, 9.0), (0.9, 6.5)] {
        c.stroke(
            &format!("M{dx} 5.6V{}", 5.6 + length),
            (p.light, 0.55),
            0.75,
        );
    }
    c.shape(
        "M-1.5 3.2L-3 5.6L-1.3 5Z M1.5 3.2L3 5.6L1.3 5Z",
        p.light,
        1.0,
    );
    c.shape("M0 -5Q3.4 -0.6 1.5 5H-1.5Q-3.4 -0.6 0 -5Z", p.ink, 1.0);
    c.circle((0.0, -0.6), 0.85, p.far, 1.0);
    c.raw("</g>");
}

/// Houses with lit windows, a lamp, somebody under it, rain.
pub(super) fn street(c: &mut Canvas<'_>) {
    let p = c.palette;
    let side = if c.rng.happens(0.5) { 1.0 } else { -1.0 };
    let moon = (c.width * 0.5 - side * c.size * 0.2, c.horizon * 0.22);
    c.circle(moon, c.size * 0.13, p.light, 0.12);
    c.circle(moon, c.size * 0.095, p.light, 0.95);
    houses(c, 0.36, p.far, 0.55, 0.0);
    houses(c, 0.5, p.far, 1.0, 0.35);
    houses(c, 0.66, p.near, 1.0, 0.55);
    let lamp = (c.width * 0.5 + side * c.size * 0.16, c.horizon * 0.5);
    let foot = c.horizon + c.size * 0.01;
    let reach = c.size * 0.3;
    let cone = [lamp, (lamp.0 - reach, foot), (lamp.0 + reach, foot)];
    c.polygon(&cone, p.light, 0.3);
    c.ellipse((lamp.0, foot), (reach, c.size * 0.035), p.light, 0.75);
    let post = lamp.0 + side * c.size * 0.13;
    let arm = format!(
        "M{post:.2} {foot:.2}V{:.2}Q{post:.2} {:.2} {:.2} {:.2}",
        lamp.1,
        lamp.1 - c.size * 0.06,
        lamp.0,
        lamp.1 - c.size * 0.02,
    );
    c.stroke(&arm, (p.ground, c.size * 0.012), 1.0);
    c.ellipse(
        (lamp.0, lamp.1),
        (c.size * 0.034, c.size * 0.018),
        p.ground,
        1.0,
    );
    c.person(
        (lamp.0 - side * c.size * 0.06, foot),
        c.size * 0.36,
        p.ground,
        true,
    );
    for _ in 0..90 {
        let (x, y) = (c.width * c.rng.fraction(), c.horizon * c.rng.fraction());
        let long = c.size * c.rng.between(0.03, 0.08);
        let drop = format!("M{x:.2} {y:.2}l{:.2} {long:.2}", -side * long * 0.22);
        c.stroke(&drop, (p.ink, c.size * 0.0018), 0.28);
    }
}

/// A row of houses whose roofs lie about `top`; `lit` of their windows have light.
fn houses(c: &mut Canvas<'_>, top: f64, fill: &str, opacity: f64, lit: f64) {
    let lamp = c.palette.light;
    let mut x = -c.size * 0.04;
    while x < c.width {
        let wide = c.size * c.rng.between(0.1, 0.2);
        let roof = c.horizon * (top + c.rng.between(-0.1, 0.12));
        c.rect(
            (x, roof),
            (wide + 0.6, c.horizon - roof + 1.0),
            fill,
            opacity,
        );
        if c.rng.happens(0.3) {
            let mast = (x + wide * 0.48, roof - c.size * 0.06);
            c.rect(mast, (c.size * 0.006, c.size * 0.06), fill, opacity);
        }
        let (step, pane) = (wide / 5.0, wide * 0.09);
        let mut y = roof + step;
        while lit > 0.0 && y < c.horizon - step {
            for column in 0..4 {
                if c.rng.happens(lit * 0.5) {
                    let at = (x + step * (0.72 + f64::from(column)), y);
                    c.rect(at, (pane, pane * 1.4), lamp, 0.8 * lit + 0.3);
                }
            }
            y += step;
        }
        x += wide;
    }
}
