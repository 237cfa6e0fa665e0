//! Why an item stands where it stands: a tree of numbers, built from what the scorer noted, and the
//! sentence that is made from it.

use serde::Serialize;

use super::source::{Source, Sources};
use foundation::{Id, id};

type Content = Id<id::Content>;

/// A number of a list, what it is, and the numbers that it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The number.
    pub value: f32,
    /// What it is.
    pub description: Description,
    /// The numbers that it comes from; their sum is the value, or for [`Description::Contribution`]
    /// their product.
    pub parts: Vec<Explanation>,
}

/// What a number of an explanation is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Description {
    /// The score of the item in its list.
    Score,
    /// What a source adds to the score: its weight times its calibrated score.
    Contribution(Source),
    /// The weight of a source in the list.
    Weight(Source),
    /// The score of a source on the common scale, in [0, 1].
    Calibrated(Source),
    /// What boosts, pins, diversity and fallbacks changed in the score.
    Control,
}

/// What an explanation is made from.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    /// The score of the item.
    pub score: f32,
    /// The sources that offered it.
    pub sources: Sources,
    /// The sources of the list's blend, with their weights.
    pub blend: &'a [(Source, f32)],
    /// What each of them adds to the score.
    pub parts: &'a [f32],
    /// The item that speaks most for it.
    pub because: Option<Content>,
}

/// The reason that people are told: the source that says most, and the item that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The source.
    pub source: Source,
    /// The item that speaks most for the explained one, if one does.
    pub because: Option<Content>,
}

impl Explained<'_> {
    /// The whole tree.
    pub fn tree(&self) -> Explanation {
        let leaf = |value, description| Explanation {
            value,
            description,
            parts: Vec::new(),
        };
        let contributions = self.blend.iter().zip(self.parts);
        let contributions = contributions.filter(|(_, part)| **part > 0.0);
        let contribution = |((source, weight), part): (&(Source, f32), &f32)| Explanation {
            value: *part,
            description: Description::Contribution(*source),
            parts: vec![
                leaf(*weight, Description::Weight(*source)),
                leaf((part / weight).min(1.0), Description::Calibrated(*source)),
            ],
        };
        let mut parts: Vec<Explanation> = contributions.map(contribution).collect();
        let rest = self.score - self.parts.iter().sum::<f32>();
        if rest.abs() > 1e-4 {
            parts.push(leaf(rest, Description::Control));
        }
        Explanation {
            value: self.score,
            description: Description::Score,
            parts,
        }
    }

    /// The source that says most for the item; of equals the first of the blend.
    pub fn main_source(&self) -> Source {
        if self.sources.has(Source::Pinned) {
            return Source::Pinned;
        }
        let mut best: Option<(Source, f32)> = None;
        for ((source, _), part) in self.blend.iter().zip(self.parts) {
            if self.sources.has(*source) && best.is_none_or(|(_, most)| *part > most) {
                best = Some((*source, *part));
            }
        }
        best.map(|(source, _)| source)
            .or_else(|| self.sources.iter().next())
            .unwrap_or(Source::Any)
    }

    /// The reason in short.
    pub fn reason(&self) -> Reason {
        Reason {
            source: self.main_source(),
            because: self.because,
        }
    }
}

impl Reason {
    /// The reason in a sentence, in English; `title` is that of the item that it names, if it may be
    /// told.
    pub fn sentence(&self, title: Option<&str>) -> String {
        match (self.source, title) {
            (Source::Pinned, _) => "Chosen for this place".to_owned(),
            (Source::Similar, Some(title)) => format!("Like “{title}”"),
            (Source::Together, Some(title)) => format!("Those who took “{title}” took it, too"),
            (Source::Session, Some(title)) => format!("Because of “{title}” just now"),
            (_, Some(title)) => format!("Because you liked “{title}”"),
            (Source::Collaborative, None) => "People with a taste like yours liked it".to_owned(),
            (Source::Interests, None) => "Near to what you like".to_owned(),
            (Source::Session, None) => "Near to what you did just now".to_owned(),
            (Source::Similar | Source::Together, None) => "Like what you look at".to_owned(),
            (Source::Query, None) => "Answers what you look for".to_owned(),
            (Source::Popular, None) => "Popular these days".to_owned(),
            (Source::New, None) => "New here".to_owned(),
            (Source::Any, None) => "From the catalogue".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained<'a>(blend: &'a [(Source, f32)], parts: &'a [f32], score: f32) -> Explained<'a> {
        let sources = blend.iter().zip(parts).filter(|(_, part)| **part > 0.0);
        Explained {
            score,
            sources: sources.fold(Sources::default(), |all, ((source, _), _)| {
                all.with(*source)
            }),
            blend,
            parts,
            because: None,
        }
    }

    #[test]
    fn the_parts_of_a_tree_make_its_value() {
        let blend = [(Source::Collaborative, 0.7), (Source::Interests, 0.3)];
        let tree = explained(&blend, &[0.63, 0.15], 0.78).tree();

        let sum: f32 = tree.parts.iter().map(|part| part.value).sum();
        assert!((sum - tree.value).abs() < 1e-5);
        for part in &tree.parts {
            let product: f32 = part.parts.iter().map(|factor| factor.value).product();
            assert!((product - part.value).abs() < 1e-5, "{part:?}");
        }
        let boosted = explained(&blend, &[0.35, 0.0], 1.0).tree();
        let control = boosted.parts.last().unwrap();
        assert_eq!(control.description, Description::Control);
        assert!((control.value - 0.65).abs() < 1e-5);
        assert_eq!(
            boosted.parts.len(),
            2,
            "a source that added nothing is not named"
        );
    }

    #[test]
    fn the_sentence_names_the_source_that_says_most() {
        let blend = [(Source::Collaborative, 0.7), (Source::Session, 0.3)];
        let reason = explained(&blend, &[0.1, 0.3], 0.4).reason();
        assert_eq!(reason.source, Source::Session);
        assert_eq!(reason.sentence(Some("Ran")), "Because of “Ran” just now");
        assert_eq!(reason.sentence(None), "Near to what you did just now");
    }
}
