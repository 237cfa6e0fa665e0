//! The groups of what is like some items.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::cooccurrence::CooccurringItems;
use super::likeness::Likeness;
use super::{Group, GroupKind, Related};
use crate::domain::recommendations::store::SharedCredit;
use crate::engine::candidates::Candidates;
use crate::engine::catalogue::{Catalogue, IndexedItem};
use crate::engine::eligibility::Eligibility;
use crate::engine::rank::{RankingInput, best};
use crate::engine::score::GivenScores;
use crate::engine::source::Source;
use crate::foundation::{Id, id};

type Content = Id<id::Content>;

/// Genres less alike than this make no group.
const LEAST_ALIKE: f32 = 0.1;
/// So many shared words are named.
const NAMED: usize = 3;

/// What was found beyond the catalogue.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How near items lie by their meaning, in [0, 1]; `None` where there is no space.
    pub(super) near: Option<Vec<(Content, f32)>>,
    /// Whatever else was made by those who directed the items or play in them.
    pub(super) credits: Vec<SharedCredit>,
    /// What the takers of the items took besides.
    pub(super) cooccurring: CooccurringItems,
}

/// Makes groups: each is ranked by the pipeline, from the candidates of one source, with scores in
/// [0, 1] that have their meaning without the others.
pub(super) struct Grouping<'a> {
    pub(super) like: &'a Likeness<'a>,
    pub(super) catalogue: &'a Catalogue,
    /// Who may come in.
    pub(super) rules: &'a Eligibility<'a>,
    pub(super) first: usize,
    pub(super) found: &'a Found,
}

impl Grouping<'_> {
    /// The group of this kind; `None` if it has no items.
    pub(super) fn group(&self, kind: GroupKind) -> Option<Group> {
        let (title, items) = match kind {
            GroupKind::SimilarContent => self.content(),
            GroupKind::SimilarGenre => self.genre(),
            GroupKind::SameDirector => self.director(),
            GroupKind::SameCast => self.cast(),
            GroupKind::PopularThatYear => self.year(),
            GroupKind::BoughtTogether => self.cooccurring(),
        };
        (!items.is_empty()).then_some(Group { kind, title, items })
    }

    fn content(&self) -> (String, Vec<Related>) {
        let scored = match &self.found.near {
            Some(near) => self.rank(
                Source::Similar,
                near.iter().filter_map(|(content, score)| {
                    let entry = self.catalogue.find(*content)?;
                    Some((entry, self.like.with_meaning(entry, *score)))
                }),
            ),
            None => self.rank_catalogue(Source::Similar, |entry| self.like.labels(entry)),
        };
        let people = self.people(None);
        let why = |entry: &IndexedItem| {
            let mut shared = self.like.shared_genres(entry);
            shared.extend(self.like.shared_tags(entry));
            shared.truncate(NAMED);
            let mut why = Vec::new();
            if !shared.is_empty() {
                why.push(format!("shares {}", listed(&shared)));
            }
            if let Some(names) = people.get(&entry.id) {
                let names: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
                why.push(format!("with {}", listed(&names[..names.len().min(2)])));
            }
            if why.is_empty() {
                why.push("described in like words".to_owned());
            }
            sentence(&why.join("; "))
        };
        (format!("Like {}", self.seeds()), self.related(scored, why))
    }

    fn genre(&self) -> (String, Vec<Related>) {
        let scored = self.rank_catalogue(Source::Similar, |entry| {
            let alike = self.like.genres(entry);
            if alike < LEAST_ALIKE {
                return 0.0;
            }
            0.8 * alike + 0.1 * self.like.era(entry) + 0.1 * self.like.popularity(entry)
        });
        let why = |entry: &IndexedItem| {
            let mut shared = self.like.shared_genres(entry);
            shared.truncate(NAMED);
            format!("Shares {}", listed(&shared))
        };
        let all = self.like.seeds().iter();
        let mut genres: Vec<&str> = Vec::new();
        for genre in all.flat_map(|seed| self.like.shared_genres(seed)) {
            if genres.len() < 2 && !genres.contains(&genre) {
                genres.push(genre);
            }
        }
        (
            format!("More {}", listed(&genres)),
            self.related(scored, why),
        )
    }

    fn director(&self) -> (String, Vec<Related>) {
        let people = self.people(Some("DIRECTOR"));
        let mut all: Vec<&str> = people.values().flatten().map(|(_, name)| *name).collect();
        all.sort_unstable();
        all.dedup();
        let scored = self.rank(
            Source::Similar,
            people.iter().filter_map(|(content, names)| {
                let entry = self.catalogue.find(*content)?;
                let share = names.len() as f32 / all.len() as f32;
                let alike = self.like.genres(entry);
                Some((
                    entry,
                    0.6 * share + 0.2 * alike + 0.2 * self.like.popularity(entry),
                ))
            }),
        );
        let why = |entry: &IndexedItem| format!("Directed by {}", names(&people, entry));
        (
            format!("More by {}", listed(&all)),
            self.related(scored, why),
        )
    }

    fn cast(&self) -> (String, Vec<Related>) {
        let people = self.people(Some("CAST"));
        // A leading part says more than a small one; log₂ is the discount of NDCG.
        let part = |index: i32| 1.0 / (index.max(0) as f32 + 2.0).log2();
        let mut leads: BTreeMap<(i32, &str), f32> = BTreeMap::new();
        let mut shared: FxHashMap<Content, f32> = FxHashMap::default();
        for credit in self
            .found
            .credits
            .iter()
            .filter(|credit| credit.role == "CAST")
        {
            let own = part(credit.seed_position);
            leads.insert((credit.seed_position, &credit.name), own);
            *shared.entry(credit.content).or_default() += own * part(credit.position);
        }
        let whole: f32 = leads.values().sum();
        let scored = self.rank(
            Source::Similar,
            shared.iter().filter_map(|(content, sum)| {
                let entry = self.catalogue.find(*content)?;
                let share = (sum / whole).min(1.0);
                let alike = self.like.genres(entry);
                Some((
                    entry,
                    0.8 * share + 0.1 * alike + 0.1 * self.like.popularity(entry),
                ))
            }),
        );
        let why = |entry: &IndexedItem| format!("With {}", names(&people, entry));
        let names: Vec<&str> = leads.keys().take(NAMED).map(|(_, name)| *name).collect();
        (
            format!("More with {}", listed(&names)),
            self.related(scored, why),
        )
    }

    fn year(&self) -> (String, Vec<Related>) {
        let mut years: Vec<i32> = self
            .like
            .seeds()
            .iter()
            .filter_map(|seed| seed.year)
            .collect();
        years.sort_unstable();
        years.dedup();
        let scored = self.rank_catalogue(Source::Popular, |entry| match entry.year {
            Some(year) if years.contains(&year) => self.like.popularity(entry),
            _ => 0.0,
        });
        let texts: Vec<String> = years.iter().map(ToString::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let why = |entry: &IndexedItem| format!("Of {}", entry.year.unwrap_or_default());
        (
            format!("Popular in {}", listed(&texts)),
            self.related(scored, why),
        )
    }

    /// By how surely the takers took it more than others do.
    fn cooccurring(&self) -> (String, Vec<Related>) {
        let (seeds, cooccurring) = (self.seeds(), &self.found.cooccurring);
        let items = cooccurring.items.iter();
        let scored = self.rank(
            Source::Together,
            items.filter_map(|item| {
                let entry = self.catalogue.find(item.content)?;
                Some((entry, item.score))
            }),
        );
        let items = cooccurring.items.iter();
        let counts: FxHashMap<Content, u32> =
            items.map(|item| (item.content, item.count)).collect();
        let why = |entry: &IndexedItem| {
            let count = counts.get(&entry.id).copied().unwrap_or(0);
            let takers = cooccurring.takers;
            format!("{count} of {takers} who took {seeds} took it, too")
        };
        let title = format!("Taken together with {seeds}");
        (title, self.related(scored, why))
    }

    /// Ranks all items of the catalogue that are of the seeds' kinds.
    fn rank_catalogue(
        &self,
        source: Source,
        score: impl Fn(&IndexedItem) -> f32,
    ) -> Vec<(Content, f32)> {
        let entries = self.catalogue.iter();
        let comparable = entries.filter(|(_, entry)| self.like.comparable(entry));
        self.rank_slots(source, comparable.map(|(slot, entry)| (slot, score(entry))))
    }

    fn rank<'e>(
        &self,
        source: Source,
        scored: impl Iterator<Item = (&'e IndexedItem, f32)>,
    ) -> Vec<(Content, f32)> {
        // Films are like films: a director's memoirs and a poster of the film are another matter.
        let comparable = scored.filter(|(entry, _)| self.like.comparable(entry));
        let slots = comparable.filter_map(|(entry, score)| {
            let slot = self.catalogue.slot(entry.id)?;
            Some((slot, score))
        });
        self.rank_slots(source, slots)
    }

    fn rank_slots(
        &self,
        source: Source,
        scored: impl Iterator<Item = (u32, f32)>,
    ) -> Vec<(Content, f32)> {
        let scored = scored.filter(|(_, score)| *score > 0.0).collect();
        let candidates = [Candidates::given(source, scored)];
        best(&RankingInput::plain(
            self.rules,
            &candidates,
            &GivenScores,
            self.first,
        ))
        .contents(self.catalogue)
    }

    fn related(
        &self,
        scored: Vec<(Content, f32)>,
        why: impl Fn(&IndexedItem) -> String,
    ) -> Vec<Related> {
        let related = |(content, score): (Content, f32)| {
            Some(Related {
                content,
                score,
                why: why(self.catalogue.find(content)?),
            })
        };
        scored.into_iter().filter_map(related).collect()
    }

    /// Who made each item in this role, or in any, as far as they made the seeds too: the leading
    /// ones first, each once.
    fn people(&self, role: Option<&str>) -> FxHashMap<Content, Vec<(i32, &str)>> {
        let mut people: FxHashMap<Content, Vec<(i32, &str)>> = FxHashMap::default();
        for credit in &self.found.credits {
            if role.is_none_or(|role| credit.role == role) {
                let names = people.entry(credit.content).or_default();
                if names.iter().all(|(_, name)| *name != credit.name) {
                    names.push((credit.position, &credit.name));
                }
            }
        }
        for names in people.values_mut() {
            names.sort_unstable();
        }
        people
    }

    /// The seeds in words.
    fn seeds(&self) -> String {
        match self.like.seeds() {
            [one] => format!("“{}”", one.title),
            _ => "these".to_owned(),
        }
    }
}

fn names(people: &FxHashMap<Content, Vec<(i32, &str)>>, entry: &IndexedItem) -> String {
    let names = people.get(&entry.id).map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = names.iter().map(|(_, name)| *name).take(NAMED).collect();
    listed(&names)
}

/// `A`, `A and B`, `A, B and C`.
pub(in super::super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The text with a capital letter at its head.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let head = letters.next().into_iter().flat_map(char::to_uppercase);
    head.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_people_write_them() {
        assert_eq!(listed(&[]), "");
        assert_eq!(listed(&["A"]), "A");
        assert_eq!(listed(&["A", "B", "C"]), "A, B and C");
        assert_eq!(sentence("élan vital"), "Élan vital");
    }
}
