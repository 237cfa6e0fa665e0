//! What can be typed behind `marquee`.

pub mod import;
