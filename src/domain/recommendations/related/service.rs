//! Finding what is like given items.

use std::sync::Arc;

use chrono::NaiveDate;
use rustc_hash::FxHashMap;

use super::cooccurrence::CooccurringItems;
use super::groups::{Found, Grouping};
use super::likeness::Likeness;
use super::{About, Group, GroupKind, Similar, SimilarRequest, UnknownTitle};
use crate::domain::auth::Viewer;
use crate::domain::content;
use crate::domain::models::ModelKind;
use crate::domain::recommendations::RecommendationService;
use crate::domain::search::{SearchService, TitleMatch};
use crate::engine::catalogue::Catalogue;
use crate::engine::eligibility::Rules;
use crate::engine::history::dot;
use crate::foundation::{Id, Result, id};
use crate::platform::cache::{CacheKind, Key, Tag};

type Content = Id<id::Content>;

/// At least so many near items are looked at, to be put in order by their genres as well.
pub(in crate::domain::recommendations) const POOL: usize = 100;

impl RecommendationService {
    /// What is like an item, or like the items of some titles taken together, in groups. What may
    /// not be offered today is in none of them. It may be two minutes old.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`] for an ask out of range,
    /// [`crate::foundation::Refusal::NotFound`] for an item that is not there, or not for this
    /// viewer; titles that are not there are named in the answer instead.
    pub async fn similar(&self, viewer: &Viewer, ask: &SimilarRequest) -> Result<Similar> {
        ask.check()?;
        let (about, not_found) = match &ask.about {
            About::Item(item) => {
                if self.content.find_many(viewer, &[*item]).await?.is_empty() {
                    return Err(content::service::not_found());
                }
                (vec![*item], Vec::new())
            }
            About::Titles(titles) => titled(&self.search, titles).await?,
        };
        let mut similar = Similar {
            about,
            groups: Vec::new(),
            not_found,
        };
        if similar.about.is_empty() {
            return Ok(similar);
        }
        let mut kinds = ask.kinds.clone();
        kinds.sort_by_key(|kind| *kind as usize);
        kinds.dedup();
        let day = self.clock.now().date_naive();
        let tags = [
            Tag::Catalogue,
            Tag::Weights,
            Tag::Vectors,
            Tag::Model(ModelKind::Embedding.as_str()),
            Tag::Model(ModelKind::Collaborative.as_str()),
        ];
        let parts = ("similar", &similar.about, ask.first, &kinds, day);
        let key = Key::new(CacheKind::Lists, &tags, &parts);
        let compute = self.groups(&similar.about, ask.first, kinds, day);
        let groups = self.ctx.cache.get_or_compute(&key, compute).await?;
        // What was taken back since is left out at once.
        let catalogue = self.content.catalogue().await?.read();
        let rules = Rules::on(day).within(&catalogue);
        let shown = |item: Content| rules.is_eligible_content(item);
        similar.groups = Arc::unwrap_or_clone(groups);
        for group in &mut similar.groups {
            group.items.retain(|item| shown(item.content));
        }
        similar.groups.retain(|group| !group.items.is_empty());
        Ok(similar)
    }

    async fn groups(
        &self,
        about: &[Content],
        first: usize,
        kinds: Vec<GroupKind>,
        day: NaiveDate,
    ) -> Result<Vec<Group>> {
        let wants = |any: &[GroupKind]| kinds.iter().any(|kind| any.contains(kind));
        let people = [
            GroupKind::SimilarContent,
            GroupKind::SameDirector,
            GroupKind::SameCast,
        ];
        let credits = async {
            match wants(&people) {
                true => self.store.shared_credits(about).await,
                false => Ok(Vec::new()),
            }
        };
        let cooccurring = async {
            match wants(&[GroupKind::BoughtTogether]) {
                true => self.cooccurring(about).await,
                false => Ok(CooccurringItems::default()),
            }
        };
        let near = async {
            match wants(&[GroupKind::SimilarContent]) {
                true => {
                    let keep = self.comparable(about, day).await?;
                    self.near(about, POOL + 2 * first, keep).await
                }
                false => Ok(None),
            }
        };
        let (near, credits, cooccurring, cooccurrence) =
            tokio::try_join!(near, credits, cooccurring, self.popularity())?;
        let found = Found {
            near,
            credits,
            cooccurring,
        };
        let (catalogue, about) = (self.content.catalogue().await?.clone(), about.to_vec());
        // A large catalogue takes some milliseconds to walk through.
        let groups = tokio::task::spawn_blocking(move || {
            let catalogue = catalogue.read();
            let grouping = Grouping {
                like: &Likeness::new(&catalogue, &about, &cooccurrence),
                catalogue: &catalogue,
                rules: &Rules::on(day).within(&catalogue),
                first,
                found: &found,
            };
            let group = |kind: GroupKind| grouping.group(kind);
            kinds.into_iter().filter_map(group).collect()
        });
        Ok(groups.await.map_err(anyhow::Error::from)?)
    }

    /// Tells the items that may be offered, are none of these, and are of the same kind as one.
    async fn comparable(
        &self,
        about: &[Content],
        day: NaiveDate,
    ) -> Result<impl Fn(Content) -> bool + Send + Sync + use<>> {
        let (catalogue, about) = (self.content.catalogue().await?.clone(), about.to_vec());
        let all = catalogue.read();
        let kinds = about.iter().filter_map(|item| Some(all.find(*item)?.kind));
        let kinds: Vec<_> = kinds.collect();
        drop(all);
        Ok(move |item: Content| {
            let rules = Rules::on(day).of_kinds(&kinds);
            !about.contains(&item) && rules.within(&catalogue.read()).is_eligible_content(item)
        })
    }

    /// How much users take each item, in [0, 1], of the most taken.
    pub(in crate::domain::recommendations) async fn popularity(
        &self,
    ) -> Result<FxHashMap<Content, f32>> {
        let non_personalised = self.non_personalised().await?;
        Ok(non_personalised.popular.iter().copied().collect())
    }

    /// The `count` items nearest to these by their meaning of those for which `keep` holds, with
    /// how near in [0, 1], the nearest first; `None` where no space has been learnt or none of them
    /// has a place in it. Several are taken together: what is near to their mean.
    pub(in crate::domain::recommendations) async fn near(
        &self,
        about: &[Content],
        count: usize,
        keep: impl Fn(Content) -> bool + Send + Sync,
    ) -> Result<Option<Vec<(Content, f32)>>> {
        let vectors = self.embeddings.vectors(about).await?;
        // In the order given, so that the sum is the same to the last bit.
        let mut mean: Vec<f32> = Vec::new();
        for vector in about.iter().filter_map(|item| vectors.get(item)) {
            mean.resize(vector.len(), 0.0);
            for (sum, part) in mean.iter_mut().zip(vector) {
                *sum += part;
            }
        }
        let length = dot(&mean, &mean).sqrt();
        if length <= f32::EPSILON {
            return Ok(None);
        }
        for part in &mut mean {
            *part /= length;
        }
        let near = self.embeddings.nearest(&mean, count, &keep).await?;
        let near = near
            .into_iter()
            .map(|near| (near.content, near.cosine.clamp(0.0, 1.0)));
        Ok(Some(near.collect()))
    }
}

/// How alike the items of the catalogue are by their labels, by slots, for catalogues without a space:
/// those that share a label, of the seeds' kinds.
pub(in crate::domain::recommendations) fn alike(
    like: &Likeness<'_>,
    catalogue: &Catalogue,
) -> Vec<(u32, f32)> {
    let entries = catalogue.iter();
    let entries = entries.filter(|(_, entry)| like.comparable(entry));
    let scored = entries.map(|(slot, entry)| (slot, like.labels(entry)));
    scored.filter(|(_, score)| *score > 0.0).collect()
}

async fn titled(
    search: &SearchService,
    titles: &[String],
) -> Result<(Vec<Content>, Vec<UnknownTitle>)> {
    let (mut about, mut not_found) = (Vec::new(), Vec::new());
    for (title, found) in titles.iter().zip(search.titled(titles).await?) {
        match found {
            TitleMatch::Item(item) if about.contains(&item) => {}
            TitleMatch::Item(item) => about.push(item),
            TitleMatch::Like(suggestions) => not_found.push(UnknownTitle {
                title: title.clone(),
                suggestions,
            }),
        }
    }
    Ok((about, not_found))
}
