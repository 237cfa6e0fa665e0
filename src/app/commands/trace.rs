//! `marquee trace`: what a recommendation list was made of, as a person reads it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use clap::Args;

use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::recommendations::traces::{Candidate, Trace};
use crate::foundation::{Id, id};

/// Show what a recommendation list was made of: the request, the candidates with their scores, and why others are
/// not in it.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// ID of the list, as `RecommendationList.id` has it.
    id: Id<id::List>,
    /// Number of items of the list to show, and of candidates that are not in it.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    first: u16,
}

/// The titles of items that can still be told.
type Titles = HashMap<Id<id::Content>, String>;

/// Runs `marquee trace …`.
///
/// # Errors
/// When there is no such list.
pub async fn run(args: TraceArgs, services: &Services) -> anyhow::Result<()> {
    let viewer = Viewer::Command;
    let trace = services.recommendations.trace(&viewer, args.id).await?;
    let (listed, dropped) = heads(&trace, usize::from(args.first));
    let shown: Vec<Id<id::Content>> = listed
        .iter()
        .chain(&dropped)
        .map(|candidate| candidate.content)
        .collect();
    let found = services.content.find_many(&viewer, &shown).await?;
    let titles = found
        .into_iter()
        .map(|(id, content)| (id, content.fields.title))
        .collect();
    print!("{}", described(&trace, &listed, &dropped, &titles));
    Ok(())
}

/// The first so many candidates that are in the list, and of those that are not.
fn heads(trace: &Trace, first: usize) -> (Vec<Candidate>, Vec<Candidate>) {
    let all = trace.candidates().into_iter();
    let (mut listed, mut dropped): (Vec<_>, Vec<_>) = all.partition(|it| it.rank.is_some());
    listed.truncate(first);
    dropped.truncate(first);
    (listed, dropped)
}

fn described(
    trace: &Trace,
    listed: &[Candidate],
    dropped: &[Candidate],
    titles: &Titles,
) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = head(trace, &mut text);
    let _ = signals(trace, &mut text);
    let all = trace.list.items.len();
    let _ = writeln!(text, "Items ({} of {all}):", listed.len());
    for candidate in listed {
        let rank = candidate.rank.unwrap_or_default();
        let score = candidate.score.unwrap_or_default();
        let _ = writeln!(text, "{rank:>5}  {score:.4}  {}", line(candidate, titles));
    }
    let Some(made_of) = &trace.composition else {
        text.push_str("What is not in it was not stored by the release that made the list.\n");
        return text;
    };
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for candidate in trace.candidates() {
        if let Some(reason) = candidate.reason {
            *reasons.entry(reason.as_str()).or_default() += 1;
        }
    }
    let reasons = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let of = made_of.dropped.len();
    let _ = writeln!(
        text,
        "Not in the list ({} of {of}: {reasons}):",
        dropped.len()
    );
    for candidate in dropped {
        let reason = candidate.reason.map_or("", |reason| reason.as_str());
        let _ = writeln!(text, "  {reason:<18} {}", line(candidate, titles));
    }
    text
}

/// Who asked for what when, and the versions behind the list.
fn head(trace: &Trace, text: &mut String) -> std::fmt::Result {
    let (list, request) = (&trace.list, &trace.request);
    let context = list.context.as_str();
    writeln!(
        text,
        "{} for {} ({context}), made {}",
        list.id, list.user, list.created_at
    )?;
    let controls = serde_json::to_string(request).unwrap_or_default();
    writeln!(text, "Request: {controls}")?;
    let named = |id: Option<Id<id::Model>>| id.map_or("none".to_owned(), |id| id.to_string());
    writeln!(
        text,
        "Models: collaborative {}, embedding {}; interaction weights version {}",
        named(list.model),
        named(list.embedding),
        list.weights_version
    )?;
    if let Some(made_of) = &trace.composition {
        let versions = made_of.versions;
        writeln!(
            text,
            "Catalogue version {}, settings {:016x}, {} weights",
            versions.catalogue,
            versions.settings,
            if made_of.learned {
                "learned"
            } else {
                "configured"
            }
        )?;
    }
    let freshness = &list.freshness;
    let last = freshness.last_event_at;
    let last = last.map_or(String::new(), |at| format!(", the last of {at}"));
    writeln!(text, "History: {} interactions{last}", freshness.events)?;
    let blend = list.blend.iter();
    let blend = blend.map(|(source, weight)| format!("{} {weight:.3}", source.as_str()));
    let blend: Vec<String> = blend.collect();
    let blend = if blend.is_empty() {
        "none".to_owned()
    } else {
        blend.join(", ")
    };
    writeln!(text, "Blend: {blend}")
}

fn signals(trace: &Trace, text: &mut String) -> std::fmt::Result {
    let Some(made_of) = &trace.composition else {
        return Ok(());
    };
    writeln!(text, "Signals:")?;
    for (signal, weight) in made_of.signals.iter().zip(made_of.weights()) {
        let scores = signal.scores.iter();
        let eligible = scores.filter(|score| score.calibrated.is_some()).count();
        writeln!(
            text,
            "  {:<16} weight {weight:.3}, {} candidates, {eligible} eligible",
            named(signal.source.as_str(), signal.part),
            signal.scores.len(),
        )?;
    }
    Ok(())
}

/// A signal: its source, and its part where it is not the first.
fn named(source: &str, part: u8) -> String {
    match part {
        0 => source.to_owned(),
        part => format!("{source}/{part}"),
    }
}

/// What the signals said of a candidate, and its title.
fn line(candidate: &Candidate, titles: &Titles) -> String {
    let said = candidate.signals.iter().map(|said| {
        let calibrated = said
            .calibrated
            .map_or(String::new(), |it| format!(" → {it:.3}"));
        let signal = named(said.source.as_str(), said.part);
        format!("{signal} {:.4}{calibrated}", said.raw)
    });
    let mut said: Vec<String> = said.collect();
    if said.is_empty() {
        let sources = candidate.sources.iter();
        said.extend(sources.map(|source| source.as_str().to_owned()));
    }
    let title = titles.get(&candidate.content).map_or("", String::as_str);
    format!("{} {title} [{}]", candidate.content, said.join("; "))
}
