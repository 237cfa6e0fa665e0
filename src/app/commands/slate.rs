//! `marquee slate`: films for an hour of a channel, as a table.

use std::collections::HashMap;

use anyhow::Context;
use chrono::{NaiveDate, Timelike};

use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::content::Content;
use crate::domain::slates::{Slate, SlateSignal, SlateSlot};
use crate::foundation::{Clock, Id, id};

/// Offer films for an hour of a channel.
#[derive(Debug, clap::Args)]
pub struct SlateArgs {
    /// Key of the channel; `channels` of the API lists them.
    #[arg(long)]
    channel: String,
    /// Date in the time zone of the channel, for example 2026-03-06 [default: today].
    #[arg(long)]
    date: Option<NaiveDate>,
    /// Hour in the time zone of the channel, 0–23 [default: the next one].
    #[arg(long)]
    hour: Option<i32>,
    /// Number of films, 1–50.
    #[arg(long, default_value_t = 10)]
    first: i32,
    /// Compute the slate with this seed and store nothing.
    #[arg(long)]
    seed: Option<i64>,
}

/// Runs `marquee slate …`.
///
/// # Errors
/// A sentence that says what is wrong with the arguments, or what failed.
pub async fn run(args: SlateArgs, services: &Services, clock: &Clock) -> anyhow::Result<()> {
    let viewer = Viewer::Command;
    let channel = services.channels.by_key(&viewer, &args.channel).await?;
    let channel = channel.with_context(|| format!("there is no channel `{}`", args.channel))?;
    let soon = clock.now().with_timezone(&channel.zone()) + chrono::TimeDelta::hours(1);
    let date = args.date.unwrap_or(soon.date_naive());
    let hour = args.hour.unwrap_or(i32::try_from(soon.hour())?);
    let slot = SlateSlot::new(channel.id, date, hour)?;
    let slate = match args.seed {
        Some(seed) => {
            services
                .slates
                .preview(&viewer, slot, args.first, seed)
                .await?
        }
        None => services.slates.slate(&viewer, slot, args.first).await?,
    };
    let ids: Vec<Id<id::Content>> = slate.items.iter().map(|item| item.content).collect();
    let films = services.content.find_many(&viewer, &ids).await?;
    println!(
        "{}, {} {:02}:00 · {} of {} films · model {} · {}",
        channel.fields.name,
        slot.date.format("%A %-d %B %Y"),
        slot.hour,
        slate.items.len(),
        slate.candidates,
        slate.model_name,
        match args.seed {
            Some(_) => "not stored".to_owned(),
            None => format!("{} {}", slate.state.as_str().to_lowercase(), slate.id),
        },
    );
    print!("{}", table(&slate, &films));
    Ok(())
}

/// A line for each film: rank, score, propensity, predicted viewers, the six signals, title and year. The last line
/// has the weights.
fn table(slate: &Slate, films: &HashMap<Id<id::Content>, Content>) -> String {
    use std::fmt::Write;
    let mut lines = String::from("   # score shown viewers ");
    for signal in SlateSignal::ALL {
        let _ = write!(lines, " {:>6.6}", signal.as_str().to_lowercase());
    }
    lines.push_str("  film\n");
    for item in &slate.items {
        let viewers = item
            .audience
            .map_or("-".to_owned(), |viewers| format!("{viewers:.0}"));
        let _ = write!(
            lines,
            "{:>4} {:>5.2} {:>4.0}% {viewers:>7} ",
            item.rank,
            item.score,
            100.0 * item.propensity
        );
        for value in item.signals {
            let _ = write!(lines, " {value:>6.2}");
        }
        let film = films.get(&item.content);
        let title = film.map_or("(deleted)", |film| film.fields.title.as_str());
        let year = film.and_then(|film| film.fields.year);
        let year = year.map_or(String::new(), |year| format!(" ({year})"));
        let _ = writeln!(lines, "  {title}{year}");
    }
    let _ = write!(lines, "{:>24}", "weights ");
    for weight in slate.weights {
        let _ = write!(lines, " {weight:>6.2}");
    }
    lines.push('\n');
    lines
}
