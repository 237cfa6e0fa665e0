//! The algorithms of ranking, and nothing else.
//!
//! What goes in comes from the caller: tables, settings, ages, a seed. What comes out depends
//! on that alone: no file, database, clock or global randomness is touched, work in parallel
//! adds in a fixed order, and ties are broken by the smaller index. So every result can be
//! computed again, and every function tested without a world around it.
//!
//! | to | use |
//! |---|---|
//! | hold who took what | [`Interactions`], and [`Matrix`] for dense numbers |
//! | learn from everybody's interactions | [`Ials`] with [`IalsSettings`], giving [`Factors`] |
//! | place a newcomer, explain an item | [`FoldIn`], [`Reason`] |
//! | learn from what is taken together | [`ease`], [`slim`], [`graph`], [`spectral`], giving [`item_lists`] |
//! | learn what comes next | [`sequential`] |
//! | blend them into the model that is served | [`collaborative`] |
//! | choose models, settings and weights by trying | [`selection`] |
//! | know what everybody likes | [`popularity`] |
//! | know what is taken together, not by chance | [`cooccurrence`] |
//! | keep the best few | [`top`] |
//! | find what is near | [`neighbours`] |
//! | know what a person likes now, and in the long run | [`profile`] |
//! | make one list of several | [`blend`] |
//! | learn how much each of them counts | [`choice`] |
//! | keep a list from repeating itself | [`diversity`] |
//! | judge lists | [`evaluation`] |
//! | judge a change by what users do with it | [`experiment`] |
//! | know what speaks for a film in a programme slot | [`slate_signals`] |
//! | choose films for a slate and learn from the picks | [`bandit`] |
//! | exchange arrays with numpy | [`numpy`] |
//! | split texts into words | [`text`] |
//! | know what content is about, by its words | [`Lsa`] of [`Document`]s, with [`LsaSettings`] |

pub mod als;
pub mod bandit;
pub mod blend;
pub mod choice;
pub mod collaborative;
pub mod cooccurrence;
pub mod diversity;
pub mod ease;
pub mod evaluation;
pub mod experiment;
pub mod fold_in;
pub mod graph;
mod half_matrix;
pub mod input;
pub mod item_lists;
pub mod item_weights;
pub mod kernel;
pub mod lsa;
pub mod matrix;
pub mod neighbours;
pub mod numpy;
pub mod popularity;
pub mod profile;
pub mod selection;
pub mod sequential;
pub mod slate_signals;
pub mod slim;
mod solver;
pub mod spectral;
pub mod symmetric;
#[cfg(test)]
mod tests;
pub mod text;
pub mod top;

pub use als::{Factors, Ials, IalsError, IalsSettings, Method};
pub use cooccurrence::Cooccurrence;
pub use evaluation::Scores;
pub use fold_in::{FoldIn, Reason};
pub use lsa::{Document, Lsa, LsaError, LsaSettings};
pub use matrix::{Entry, Interactions, Matrix, MatrixError, Repeats};
