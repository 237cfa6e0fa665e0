//! Rows for a front page: "Because you liked …".

use std::cmp::Reverse;

use chrono::NaiveDate;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::kinds::heaviest_kind;
use super::related::{Likeness, POOL, Related, alike, listed};
use super::service::RecommendationService;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::{ContentKind, Visibility};
use crate::domain::interactions::InteractionKind;
use crate::domain::models::ModelKind;
use crate::engine::candidates::Candidates;
use crate::engine::catalogue::{Catalogue, IndexedItem, InternedString};
use crate::engine::eligibility::Rules;
use crate::engine::history::{History, Positive, State};
use crate::engine::rank::{RankingInput, best};
use crate::engine::score::GivenScores;
use crate::engine::source::Source;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::cache::{CacheKind, Key, Tag};

type Content = Id<id::Content>;

/// At most so many rows of so many items.
const MAX_ROWS: usize = 10;
const MAX_ITEMS: usize = 50;
/// What weighs so much in all speaks for a row of its own: four stars do, a view does not.
const STRONG: f32 = 0.5;

/// A row of a front page.
#[derive(Clone, Debug, PartialEq)]
pub struct BecauseRow {
    /// What it is, in English: `Because you positives “Yojimbo”`.
    pub title: String,
    /// The thing from the user's past that it comes from, if it comes from one.
    pub because: Option<Content>,
    /// The genre that its items share, if it comes from one.
    pub genre: Option<String>,
    /// Its items, best first.
    pub items: Vec<Related>,
}

/// A row as it is cached: its title is made anew each time, of what its source is called by then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CachedRow {
    about: RowAbout,
    items: Vec<Related>,
}

/// What a row comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum RowAbout {
    /// Something that the user did this with: `positives`, `bought`.
    Item(Content, String),
    /// A genre that they like.
    Genre(String),
    /// Nothing that is known of them.
    Everybody,
}

/// Something of the past that may have a row.
#[derive(Clone, Debug)]
struct Reason {
    content: Content,
    /// What the user did, in a word.
    did: &'static str,
    /// What lies near it, where there is a space.
    near: Option<Vec<(Content, f32)>>,
}

impl RecommendationService {
    /// At most `rows` rows of `first` items each for a user's latest likings, the latest first: what
    /// is like something that they liked, bought or saw and that they have not taken; and at the end
    /// what is popular in their favourite genre, or at all where none is known. No item comes twice.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for somebody else's, [`Refusal::InvalidInput`] for a
    /// number out of range, [`Refusal::NotFound`] for an unknown user.
    pub async fn because(
        &self,
        viewer: &Viewer,
        user: Id<id::User>,
        rows: usize,
        first: usize,
    ) -> Result<Vec<BecauseRow>> {
        viewer.may_act_for(user, Scope::RecommendationsRead)?;
        for (argument, number, most) in [("rows", rows, MAX_ROWS), ("first", first, MAX_ITEMS)] {
            if !(1..=most).contains(&number) {
                let message = format!("`{argument}` is between 1 and {most}, not {number}");
                return Err(Refusal::invalid(argument, message).into());
            }
        }
        let (weights, day) = (
            self.interactions.weights().await?,
            self.clock.now().date_naive(),
        );
        let tags = [
            Tag::User(user),
            Tag::Catalogue,
            Tag::Weights,
            Tag::Vectors,
            Tag::Model(ModelKind::Embedding.as_str()),
        ];
        let parts = ("because", user, rows, first, weights.version, day);
        let key = Key::new(CacheKind::Lists, &tags, &parts);
        let made = self.rows(user, (rows, first), day);
        let made = self.ctx.cache.get_or_compute(&key, made).await?;
        // What was taken back since is left out at once, whichever server took it back: rows of it
        // as well as items.
        let catalogue = self.content.catalogue().await?.read();
        let rules = Rules::on(day).within(&catalogue);
        let shown = |item: &&Related| rules.is_eligible_content(item.content);
        let rows = made.iter().filter_map(|row| {
            let (title, because, genre) = row.about.on_fraction(&catalogue, user)?;
            let items: Vec<Related> = row.items.iter().filter(shown).cloned().collect();
            (!items.is_empty()).then_some(BecauseRow {
                title,
                because,
                genre,
                items,
            })
        });
        Ok(rows.collect())
    }

    async fn rows(
        &self,
        user: Id<id::User>,
        (rows, first): (usize, usize),
        day: NaiveDate,
    ) -> Result<Vec<CachedRow>> {
        let (history, popularity) =
            tokio::try_join!(self.profiles.history(user), self.popularity())?;
        if history.is_empty() && !self.store.is_user(user).await? {
            return Err(Refusal::NotFound { thing: "user" }.into());
        }
        let catalogue = self.content.catalogue().await?.clone();
        let mut reasons = reasons(&history, &catalogue.read(), user);
        // The last row is that of the genre.
        reasons.truncate(rows - 1);
        let excluded = history.excluded(self.clock.now());
        for reason in &mut reasons {
            let (items, own, excluded) = (catalogue.clone(), reason.content, excluded.clone());
            let keep = move |content: Content| {
                let items = items.read();
                let kind = items.find(own).map(|entry| entry.kind);
                let rules = Rules::on(day).of_kinds(kind.as_slice()).within(&items);
                !excluded.contains(&content) && rules.is_eligible_content(content)
            };
            // Other rows may take all they have from among these.
            reason.near = self.near(&[own], POOL + first * rows, keep).await?;
        }
        let positives = history.positives();
        let made = tokio::task::spawn_blocking(move || {
            let catalogue = catalogue.read();
            let mut page = Page {
                catalogue: &catalogue,
                popularity: &popularity,
                day,
                first,
                out: excluded,
            };
            let mut made: Vec<CachedRow> = reasons.iter().map(|reason| page.row(reason)).collect();
            made.push(page.genre(&positives));
            made.retain(|row| !row.items.is_empty());
            made
        });
        Ok(made.await.map_err(anyhow::Error::from)?)
    }
}

impl RowAbout {
    /// The title of a row about this as things are now, in English, with what it names; `None` where
    /// it may not be told any more.
    fn on_fraction(
        &self,
        catalogue: &Catalogue,
        user: Id<id::User>,
    ) -> Option<(String, Option<Content>, Option<String>)> {
        match self {
            Self::Item(content, did) => {
                let entry = catalogue
                    .find(*content)
                    .filter(|entry| on_fraction(entry, user))?;
                let title = format!("Because you {did} “{}”", entry.title);
                Some((title, Some(*content), None))
            }
            Self::Genre(genre) => Some((format!("Popular in {genre}"), None, Some(genre.clone()))),
            Self::Everybody => Some(("Popular these days".to_owned(), None, None)),
        }
    }
}

/// Whether a row may name this item to the user.
fn on_fraction(entry: &IndexedItem, user: Id<id::User>) -> bool {
    let theirs = entry.visibility != Visibility::Private || entry.creator == Some(user);
    theirs && !entry.deleted
}

/// A page as it fills.
struct Page<'a> {
    catalogue: &'a Catalogue,
    popularity: &'a FxHashMap<Content, f32>,
    day: NaiveDate,
    first: usize,
    /// What the user has, and what stands in a row already.
    out: FxHashSet<Content>,
}

impl Page<'_> {
    fn row(&mut self, reason: &Reason) -> CachedRow {
        let like = Likeness::new(self.catalogue, &[reason.content], self.popularity);
        let scored = match &reason.near {
            Some(near) => {
                let scored = near.iter().filter_map(|(content, cosine)| {
                    let slot = self.catalogue.slot(*content)?;
                    let entry = self.catalogue.entry(slot)?;
                    Some((slot, like.with_meaning(entry, *cosine)))
                });
                scored.collect()
            }
            None => alike(&like, self.catalogue),
        };
        let scored = self.rank(Source::Similar, &[], scored);
        let why = |entry: &IndexedItem| {
            let mut shared = like.shared_genres(entry);
            shared.extend(like.shared_tags(entry));
            shared.truncate(3);
            match (shared.is_empty(), like.shares_people(entry)) {
                (false, false) => format!("Shares {}", listed(&shared)),
                (false, true) => format!("By some of the same people; shares {}", listed(&shared)),
                (true, true) => "By some of the same people".to_owned(),
                (true, false) => "Described in like words".to_owned(),
            }
        };
        CachedRow {
            about: RowAbout::Item(reason.content, reason.did.to_owned()),
            items: self.take(scored, why),
        }
    }

    /// What is popular in the genre that the user likes most, rare genres before frequent ones.
    fn genre(&mut self, positives: &[Positive]) -> CachedRow {
        let like = Likeness::new(self.catalogue, &[], self.popularity);
        let mut tastes: FxHashMap<InternedString, f32> = FxHashMap::default();
        for item in positives {
            for genre in self
                .catalogue
                .find(item.content)
                .into_iter()
                .flat_map(|entry| &entry.genres)
            {
                *tastes.entry(*genre).or_default() += item.weight * like.rarity(*genre);
            }
        }
        let favourite = tastes.into_iter();
        let favourite = favourite.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let favourite = favourite.map(|(genre, _)| genre);
        let theirs = |positives: &Positive| {
            Some((
                self.catalogue.find(positives.content)?.kind,
                positives.weight,
            ))
        };
        let popular = || {
            let all = self.catalogue.iter().map(|(_, entry)| entry);
            all.map(|entry| (entry.kind, like.popularity(entry)))
        };
        let kind = heaviest_kind(positives.iter().filter_map(theirs));
        let kind = kind.or_else(|| heaviest_kind(popular()));
        let entries = self.catalogue.iter();
        let entries = entries
            .filter(|(_, entry)| favourite.is_none_or(|genre| entry.genres.contains(&genre)));
        let known = entries.map(|(slot, entry)| (slot, like.popularity(entry)));
        let known = known.filter(|(_, popularity)| *popularity > 0.0).collect();
        let scored = self.rank(Source::Popular, kind.as_slice(), known);
        let genre = favourite.map(|genre| self.catalogue.strings().name(genre).to_owned());
        let (about, why) = match genre {
            Some(genre) => {
                let why = format!("Popular in {genre}");
                (RowAbout::Genre(genre), why)
            }
            None => (RowAbout::Everybody, "Popular these days".to_owned()),
        };
        CachedRow {
            about,
            items: self.take(scored, |_| why.clone()),
        }
    }

    /// The best of these that may be shown, are of one of the kinds if any is named, and that the user
    /// has not got, neither before nor in a row.
    fn rank(
        &self,
        source: Source,
        kinds: &[ContentKind],
        scored: Vec<(u32, f32)>,
    ) -> Vec<(Content, f32)> {
        let rules = Rules::on(self.day).of_kinds(kinds).within(self.catalogue);
        let rules = rules.without(&self.out);
        let candidates = [Candidates::given(source, scored)];
        best(&RankingInput::plain(
            &rules,
            &candidates,
            &GivenScores,
            self.first,
        ))
        .contents(self.catalogue)
    }

    fn take(
        &mut self,
        scored: Vec<(Content, f32)>,
        why: impl Fn(&IndexedItem) -> String,
    ) -> Vec<Related> {
        self.out.extend(scored.iter().map(|(content, _)| *content));
        let related = |(content, score): (Content, f32)| {
            Some(Related {
                content,
                score,
                why: why(self.catalogue.find(content)?),
            })
        };
        scored.into_iter().filter_map(related).collect()
    }
}

/// What may have a row: the latest first that clearly speak of a liking, then the rest that do not
/// speak against one.
fn reasons(history: &History, catalogue: &Catalogue, user: Id<id::User>) -> Vec<Reason> {
    let states = history.states().iter();
    let mut order: Vec<_> = states.filter(|(_, state)| state.is_positive()).collect();
    order.sort_by_key(|(content, state)| (state.weight < STRONG, Reverse(state.latest), *content));
    let reason = |(content, state): &(Content, State)| {
        let entry = catalogue.find(*content)?;
        on_fraction(entry, user).then_some(Reason {
            content: *content,
            did: verb(state.kind, entry.kind),
            near: None,
        })
    };
    order.into_iter().filter_map(reason).collect()
}

/// What the user did, in a word.
fn verb(did: InteractionKind, with: ContentKind) -> &'static str {
    match (did, with) {
        (InteractionKind::Purchase, _) => "bought",
        (InteractionKind::Like | InteractionKind::Rating, _) => "liked",
        (InteractionKind::Share, _) => "shared",
        (InteractionKind::AddToCart, _) => "wanted",
        (InteractionKind::View, ContentKind::Movie | ContentKind::Video) => "watched",
        (InteractionKind::View, ContentKind::Audio) => "listened to",
        _ => "looked at",
    }
}
