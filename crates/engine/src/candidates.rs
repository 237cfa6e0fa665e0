//! What the sources offer for a list.

use rustc_hash::FxHashMap;

use super::source::Source;

/// What the scores of a signal mean, and so what is done to them before they are blended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Only their order means something: they are put on the common scale by their rank among the
    /// eligible candidates ([`ranking::blend::calibrate`]).
    Rank,
    /// Their values mean something to the scorer that reads them, which gets them unchanged.
    Given,
}

/// The candidates of one source, with the scores of one of its signals.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// The source that offers them.
    pub source: Source,
    /// Which signal of the source this is, where it has several: a part of the collaborative model.
    pub part: u8,
    /// The weight of the source in the blend, not negative, before the weights of sources without
    /// candidates are shared out among the others.
    pub weight: f32,
    /// What its scores mean.
    pub scale: Scale,
    /// Slots of the catalogue, each once, with scores on the source's own scale; in no order.
    pub scored: Vec<(u32, f32)>,
    /// For some of them, the slot of the item that speaks most for it: something from the user's
    /// history, or the item that the list is about.
    pub because: FxHashMap<u32, u32>,
}

impl Candidates {
    /// Candidates without evidence, whose scores count by their rank.
    pub fn new(source: Source, weight: f32, scored: Vec<(u32, f32)>) -> Self {
        Self {
            source,
            part: 0,
            weight,
            scale: Scale::Rank,
            scored,
            because: FxHashMap::default(),
        }
    }

    /// Candidates of a source that is asked alone or read by a scorer of its own, whose scores count
    /// as they are.
    pub fn given(source: Source, scored: Vec<(u32, f32)>) -> Self {
        Self {
            scale: Scale::Given,
            ..Self::new(source, 1.0, scored)
        }
    }
}

/// What can be recommended to everybody, whoever asks.
#[derive(Clone, Debug, Default)]
pub struct NonPersonalised {
    /// Popular items, the most popular first, with scores in [0, 1].
    pub popular: Vec<(u32, f32)>,
    /// The newest items, the newest first.
    pub newest: Vec<u32>,
}
