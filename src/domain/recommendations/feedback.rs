//! What became of the items of lists, as the caller tells it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::service::RecommendationService;
use super::store::{ListedItem, RecordedKind};
use crate::domain::auth::{Scope, Viewer};
use crate::domain::interactions::model::{Attribution, Recorded, bad_attribution};
use crate::domain::interactions::{InteractionKind, NewInteraction};
use crate::foundation::{Error, Findings, Id, Refusal, Result, id, text_enum};

/// The most that one call may tell.
pub const MAX_AT_ONCE: usize = 100;

text_enum! {
    /// Kind of feedback on a recommended item.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum FeedbackKind {
        /// The item was displayed to the user. Not recorded as an interaction.
        Served = "SERVED",
        /// The user opened the item. Also recorded as an interaction of the kind CLICK.
        Clicked = "CLICKED",
        /// The user dismissed the item. Also recorded as an interaction of the kind SKIP.
        Dismissed = "DISMISSED",
        /// The user rated the item. Also recorded as an interaction of the kind RATING.
        Rated = "RATED",
    }
}

impl FeedbackKind {
    /// What it says of taste; to have been seen says nothing.
    fn interaction(self) -> Option<InteractionKind> {
        match self {
            Self::Served => None,
            Self::Clicked => Some(InteractionKind::Click),
            Self::Dismissed => Some(InteractionKind::Skip),
            Self::Rated => Some(InteractionKind::Rating),
        }
    }
}

/// Feedback to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFeedback {
    /// The token of the list item.
    pub attribution_token: String,
    /// What became of it.
    pub kind: FeedbackKind,
    /// The stars of [`FeedbackKind::Rated`], 0.5 to 5.
    pub rating: Option<f32>,
    /// A name of the caller's own for the interaction that it is: the same again does nothing, something
    /// else under the same name is a conflict.
    pub idempotency_key: Option<String>,
}

/// Feedback on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// Which item of which list.
    pub item: Attribution,
    /// Whose list it is.
    pub user: Id<id::User>,
    /// What that is.
    pub content: Id<id::Content>,
    /// What became of it.
    pub kind: FeedbackKind,
    /// The stars.
    pub rating: Option<f32>,
    /// The interaction that says the same of taste.
    pub interaction: Option<Id<id::Interaction>>,
    /// When it was said.
    pub at: DateTime<Utc>,
}

/// What became of one of many: on record and whether it was there before, or refused.
pub type Outcome = Result<(Feedback, bool), Refusal>;

/// What one row of a call has come to.
enum Step {
    Settled(Outcome),
    /// To be recorded as an interaction first, the next of those.
    Interaction(Feedback, Option<RecordedKind>),
    /// To be noted.
    Note(Feedback),
}

impl RecommendationService {
    /// Records what became of up to [`MAX_AT_ONCE`] list items. Each row has its own outcome, in the
    /// order given: the good ones are kept though others are refused. A kind is on record once for
    /// each item of a list, with the last stars; what is said again does nothing.
    ///
    /// What says something of taste is also recorded as an interaction that names the list: a
    /// click as CLICK, a dismissal as SKIP, stars as RATING.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::InvalidInput`] for too many or none; a
    /// token of a list that is not there or not for this viewer is refused row by row.
    pub async fn record_feedback(
        &self,
        viewer: &Viewer,
        new: Vec<NewFeedback>,
    ) -> Result<Vec<Outcome>> {
        if *viewer == Viewer::Nobody {
            return Err(Error::signed_out());
        }
        if !(1..=MAX_AT_ONCE).contains(&new.len()) {
            let message = format!("between 1 and {MAX_AT_ONCE} rows at once");
            return Err(Refusal::invalid("feedback", message).into());
        }
        let read: Vec<Result<Attribution, Refusal>> = new.iter().map(check).collect();
        let named: Vec<Attribution> = read.iter().flatten().copied().collect();
        let listed = self.store.listed(&named).await?;
        let now = self.clock.now();
        let mut steps: Vec<Step> = Vec::with_capacity(new.len());
        let mut wanted = Vec::new();
        let mut fresh: HashMap<(Attribution, FeedbackKind), Option<f32>> = HashMap::new();
        for (new, item) in new.iter().zip(read) {
            let step = match item.and_then(|item| known(viewer, item, &listed)) {
                Err(refusal) => Step::Settled(Err(refusal)),
                Ok((item, theirs)) => {
                    let feedback = Feedback {
                        item,
                        user: theirs.user,
                        content: theirs.content,
                        kind: new.kind,
                        rating: new.rating,
                        interaction: None,
                        at: now,
                    };
                    let before = theirs.recorded.get(&new.kind);
                    match (before, fresh.insert((item, new.kind), new.rating)) {
                        (Some(before), _) if before.rating == new.rating => {
                            Step::Settled(Ok((before.again(&feedback), true)))
                        }
                        (_, Some(_)) => {
                            let message = "this kind is said of this item twice in one call";
                            let refusal = Refusal::invalid("kind", message);
                            Step::Settled(Err(refusal))
                        }
                        (before, None) => match interaction(new, theirs, item, before) {
                            Some(interaction) => {
                                wanted.push(interaction);
                                Step::Interaction(feedback, before.cloned())
                            }
                            None => Step::Note(feedback),
                        },
                    }
                }
            };
            steps.push(step);
        }
        let recorded = match wanted.is_empty() {
            true => Vec::new(),
            false => self.interactions.record_many(viewer, wanted).await?,
        };
        let mut recorded = recorded.into_iter();
        let mut notes = Vec::new();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(steps.len());
        for step in steps {
            outcomes.push(match step {
                Step::Settled(outcome) => outcome,
                Step::Note(feedback) => {
                    notes.push(feedback.clone());
                    Ok((feedback, false))
                }
                Step::Interaction(feedback, before) => {
                    let outcome = recorded.next();
                    let outcome = outcome
                        .ok_or_else(|| anyhow::anyhow!("each interaction has an outcome"))?;
                    let settled = outcome
                        .map_err(as_feedback)
                        .map(|recorded| settle(feedback, recorded, before));
                    if let Ok((feedback, false)) = &settled {
                        notes.push(feedback.clone());
                    }
                    settled
                }
            });
        }
        let users = |item: &Attribution| listed.get(item).map(|listed| listed.user);
        self.store.note(&notes, users).await?;
        let indexed = |(index, outcome): (usize, Outcome)| {
            let outer = ["feedback".to_owned(), index.to_string()];
            outcome.map_err(|refusal| refusal.under(outer))
        };
        Ok(outcomes.into_iter().enumerate().map(indexed).collect())
    }
}

/// The list item that a row names, if the row makes sense.
fn check(new: &NewFeedback) -> Result<Attribution, Refusal> {
    let mut findings = Findings::default();
    let stars = new.rating.is_some_and(|stars| (0.5..=5.0).contains(&stars));
    findings.require(
        new.kind != FeedbackKind::Rated || stars,
        "rating",
        "RATED needs its stars, 0.5 to 5",
    );
    findings.require(
        new.kind == FeedbackKind::Rated || new.rating.is_none(),
        "rating",
        "only RATED has stars; leave them out",
    );
    findings.finish_with(new.attribution_token.parse())
}

/// What is known of a list item that the viewer may speak for. Of others' not even that it is there.
fn known<'a>(
    viewer: &Viewer,
    item: Attribution,
    listed: &'a HashMap<Attribution, ListedItem>,
) -> Result<(Attribution, &'a ListedItem), Refusal> {
    let theirs = |listed: &&ListedItem| {
        let allowed = viewer.may_act_for(listed.user, Scope::InteractionsWrite);
        allowed.is_ok()
    };
    let listed = listed.get(&item).filter(theirs);
    Ok((item, listed.ok_or_else(bad_attribution)?))
}

/// What the row says of taste. Where the caller gives it no name, it has one of its own that is the
/// same when the same is said again of the same state: a repeat records nothing, also where the
/// first call was cut off half way, and whoever changes their mind back is heard.
fn interaction(
    new: &NewFeedback,
    listed: &ListedItem,
    item: Attribution,
    before: Option<&RecordedKind>,
) -> Option<NewInteraction> {
    let kind = new.kind.interaction()?;
    let own = || {
        let stars = new.rating.unwrap_or_default();
        let before = before.and_then(|recorded| recorded.interaction);
        let before = before.map(|before| before.to_string()).unwrap_or_default();
        format!("feedback {item} {} {stars} {before}", new.kind.as_str())
    };
    Some(NewInteraction {
        user: Some(listed.user.into()),
        value: new.rating,
        idempotency_key: Some(new.idempotency_key.clone().unwrap_or_else(own)),
        attribution_token: Some(new.attribution_token.clone()),
        ..NewInteraction::new(listed.content, kind)
    })
}

/// What became of a row whose interaction is on record.
fn settle(
    mut feedback: Feedback,
    recorded: Recorded,
    before: Option<RecordedKind>,
) -> (Feedback, bool) {
    let interaction = recorded.interaction;
    // A late repeat of what was said before the last.
    let latest = before.as_ref().and_then(|before| before.interaction);
    if recorded.repeated
        && let Some(before) = before
        && latest.is_some_and(|latest| interaction.id <= latest)
    {
        return (before.again(&feedback), true);
    }
    feedback.interaction = Some(interaction.id);
    feedback.rating = interaction.value;
    (feedback, false)
}

/// The refusal of an interaction, with the place that it has in feedback.
fn as_feedback(refusal: Refusal) -> Refusal {
    let renamed = |field: String| match field.as_str() {
        "value" => "rating".to_owned(),
        // The item is named by its token.
        "contentId" | "userId" => "attributionToken".to_owned(),
        _ => field,
    };
    // `interactions`, the row, then the field.
    refusal.map_path(&|path| path.into_iter().skip(2).map(renamed).collect())
}

impl RecordedKind {
    /// What was said before, in place of what is said again.
    fn again(&self, feedback: &Feedback) -> Feedback {
        Feedback {
            rating: self.rating,
            interaction: self.interaction,
            at: self.at,
            ..feedback.clone()
        }
    }
}
