//! The picture of a poster, above its title: one scene a mood.

mod inside;
mod land;
mod night;
mod shapes;

use super::canvas::Canvas;
use super::palette::Mood;

/// Draws the scene of a mood.
pub(super) fn draw(mood: Mood, canvas: &mut Canvas<'_>) {
    match mood {
        Mood::Western => land::desert(canvas),
        Mood::Peaks => land::peaks(canvas),
        Mood::Romance => land::sea(canvas),
        Mood::Horror => night::house(canvas),
        Mood::Space => night::planet(canvas),
        Mood::City => night::street(canvas),
        Mood::Drama => inside::doorway(canvas),
        Mood::Comedy => inside::clown(canvas),
        Mood::Music => inside::record(canvas),
        Mood::Action => shapes::burst(canvas),
        Mood::Mosaic => shapes::mosaic(canvas),
    }
}
