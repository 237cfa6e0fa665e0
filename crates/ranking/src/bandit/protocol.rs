//! JSON lines by which another program plays against the bandit.
//!
//! `{"type":"decide","t":17,"ts":1717243200,"context":{"dow":5,"hour":12,"month":6},"l":5,
//! "candidates":[{"id":"17-0","signals":{"curator":0.31,…}},…]}` is answered by
//! `{"slate":["17-4",…],"propensities":{"17-0":0.12,…}}`: the ids best first, and for each candidate
//! the probability that it is in the slate. `{"type":"feedback","events":[{"t":12,"context":{…},
//! "items":[{"id":"12-4","signals":{…},"selected":1},…]},…]}` is answered by `{"ok":true}`. A line
//! that cannot be read is answered by `{"error":"…"}`, which names the line, and changes nothing.
//!
//! `dow` is the day of the week from 0 for Monday; `channel`, 0 if it is missing, may be given too.
//! What a context lacks is taken from `ts`, seconds since 1970 in UTC. A signal that is missing or
//! null counts as ½. Feedback may be late, come in batches and be repeated. Signals of a slate that
//! was decided here are those of the decision, whatever the feedback says.
//!
//! As long as no slate had several items selected, one pick a slate is assumed; then all feedback is
//! taken as independent clicks.

mod message;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, Read, Write};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use super::{Bandit, BanditError, Outcome, Settings, Signals, SlateContext, SlateFeedback};
use message::{Decide, FeedbackEvent, Message};

/// The longest line that is read, in bytes.
pub const LONGEST_LINE: usize = 64 << 20;

/// The replays that propensities are counted in.
const REPLAYS: usize = 1024;

/// Slates that are remembered until their feedback comes.
const REMEMBERED: usize = 100_000;

/// Channels that are told apart.
const CHANNELS: usize = 1;

/// What a line is answered by.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Answer {
    Slate {
        slate: Vec<String>,
        propensities: BTreeMap<String, f64>,
    },
    Ok {
        ok: bool,
    },
    Error {
        error: String,
    },
}

/// A slate that was decided.
#[derive(Debug)]
struct Shown {
    context: SlateContext,
    signals: FxHashMap<String, Signals>,
}

/// Somebody who plays.
#[derive(Debug)]
struct Session {
    bandit: Bandit,
    clicks: bool,
    shown: FxHashMap<u64, Shown>,
    order: VecDeque<u64>,
}

/// Answers the lines of `reader` until it ends.
///
/// # Errors
/// If settings are out of range, as an invalid input; if reading or writing fails.
pub fn serve(
    settings: Settings,
    mut reader: impl BufRead,
    mut writer: impl Write,
) -> io::Result<()> {
    let invalid = |error: BanditError| io::Error::new(io::ErrorKind::InvalidInput, error);
    let mut session = Session {
        bandit: Bandit::new(settings, CHANNELS).map_err(invalid)?,
        clicks: false,
        shown: FxHashMap::default(),
        order: VecDeque::new(),
    };
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        number += 1;
        let mut within = reader.by_ref().take(LONGEST_LINE as u64);
        if within.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let answer = if line.len() == LONGEST_LINE && !line.ends_with(b"\n") {
            skip_line(&mut reader)?;
            Err(format!("it is longer than {LONGEST_LINE} bytes"))
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            session.answer(&line)
        };
        let answer = answer.unwrap_or_else(|problem| Answer::Error {
            error: format!("line {number}: {problem}"),
        });
        serde_json::to_writer(&mut writer, &answer)?;
        writer.write_all(b"\n")?;
        writer.flush()?;
    }
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = reader.fill_buf()?;
        let (skipped, ended) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (bytes.len(), bytes.is_empty()),
        };
        reader.consume(skipped);
        if ended {
            return Ok(());
        }
    }
}

impl Session {
    fn answer(&mut self, line: &[u8]) -> Result<Answer, String> {
        match serde_json::from_slice(line).map_err(|error| error.to_string())? {
            Message::Decide(decide) => self.decide(decide),
            Message::Feedback { events } => {
                let events = events.into_iter().map(|event| self.read_event(event));
                let events = events.collect::<Result<Vec<_>, _>>()?;
                self.learn(events)?;
                Ok(Answer::Ok { ok: true })
            }
        }
    }

    fn decide(&mut self, decide: Decide) -> Result<Answer, String> {
        let context = decide.context.read(decide.ts)?;
        if decide.l > super::MAX_SHOWN {
            return Err(format!("`l` is at most {}", super::MAX_SHOWN));
        }
        let mut candidates = Vec::with_capacity(decide.candidates.len());
        let mut ids = FxHashSet::default();
        for candidate in decide.candidates {
            let signals = candidate
                .signals
                .read()
                .map_err(|problem| format!("candidate `{}`: {problem}", candidate.id))?;
            if !ids.insert(candidate.id.clone()) {
                return Err(format!("candidate `{}` is given twice", candidate.id));
            }
            candidates.push((candidate.id, signals));
        }
        let text = |error: BanditError| error.to_string();
        let (seed, replay_seed) = (self.bandit.next_seed(), self.bandit.next_seed());
        let (_, slate) = self
            .bandit
            .rank(&context, &candidates, decide.l, seed)
            .map_err(text)?;
        let mut propensities = self
            .bandit
            .propensities(&context, &candidates, decide.l, REPLAYS, replay_seed)
            .map_err(text)?;
        let places: Vec<usize> = slate.iter().map(|item| item.candidate).collect();
        floor(&mut propensities, &places);
        let signals = places.iter().map(|at| candidates[*at].clone()).collect();
        self.remember(decide.t, Shown { context, signals });
        Ok(Answer::Slate {
            slate: slate.into_iter().map(|item| item.id).collect(),
            propensities: candidates
                .into_iter()
                .map(|(id, _)| id)
                .zip(propensities)
                .collect(),
        })
    }

    fn remember(&mut self, t: u64, shown: Shown) {
        if self.shown.insert(t, shown).is_none() {
            self.order.push_back(t);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.shown.remove(&oldest);
        }
    }

    fn read_event(&self, event: FeedbackEvent) -> Result<SlateFeedback, String> {
        let problem = |problem: String| format!("feedback for t = {}: {problem}", event.t);
        let known = self.shown.get(&event.t);
        let context = match (known, &event.context) {
            (Some(shown), _) => shown.context,
            (None, Some(context)) => context.read(event.ts).map_err(problem)?,
            (None, None) => {
                return Err(problem(
                    "no such slate was decided, and it has no `context`".into(),
                ));
            }
        };
        let mut items: Vec<(String, Signals, bool)> = Vec::with_capacity(event.items.len());
        for item in event.items {
            let recorded = known.and_then(|shown| shown.signals.get(&item.id));
            let signals = match (recorded, item.signals) {
                (Some(signals), _) => *signals,
                (None, Some(signals)) => signals
                    .read()
                    .map_err(|cause| problem(format!("item `{}`: {cause}", item.id)))?,
                (None, None) => {
                    return Err(problem(format!(
                        "item `{}` was not shown then, and it has no `signals`",
                        item.id
                    )));
                }
            };
            items.push((item.id, signals, item.selected.0));
        }
        // The same items in another order are the same event.
        items.sort_by(|a, b| a.0.cmp(&b.0));
        if items.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(problem("an item is given twice".into()));
        }
        let mut identity = event.t.to_le_bytes().to_vec();
        for (id, _, _) in &items {
            identity.extend(id.as_bytes());
            identity.push(0);
        }
        let feedback = SlateFeedback {
            event: xxh3_128(&identity),
            context,
            shown: items.iter().map(|(_, signals, _)| *signals).collect(),
            outcome: Outcome::Clicks(items.iter().map(|(_, _, selected)| *selected).collect()),
            ticked: Vec::new(),
        };
        feedback.check().map_err(|error| error.to_string())?;
        Ok(feedback)
    }

    fn learn(&mut self, mut events: Vec<SlateFeedback>) -> Result<(), String> {
        let selected = |event: &SlateFeedback| match &event.outcome {
            Outcome::Clicks(clicks) => clicks.iter().filter(|clicked| **clicked).count(),
            Outcome::OnePick(pick) => usize::from(pick.is_some()),
            Outcome::PastPick(_) => 1,
        };
        if !self.clicks && events.iter().any(|event| selected(event) > 1) {
            self.clicks = true;
            self.bandit = self.bandit.with_picks_as_clicks();
        }
        if !self.clicks {
            for event in &mut events {
                if let Outcome::Clicks(clicks) = &event.outcome {
                    event.outcome = Outcome::OnePick(clicks.iter().position(|clicked| *clicked));
                }
            }
        }
        let learned = self.bandit.update_all(events);
        learned.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Gives each item shown a propensity of `1 / REPLAYS` at least, and takes what that adds from the
/// others in proportion, so that the sum stays.
fn floor(propensities: &mut [f64], shown: &[usize]) {
    let least = 1.0 / REPLAYS as f64;
    let raised: Vec<usize> = shown
        .iter()
        .copied()
        .filter(|at| propensities[*at] < least)
        .collect();
    if raised.is_empty() {
        return;
    }
    let total: f64 = propensities.iter().sum();
    let added: f64 = raised.iter().map(|at| least - propensities[*at]).sum();
    let rest = total - raised.iter().map(|at| propensities[*at]).sum::<f64>();
    let factor = (rest - added) / rest;
    for propensity in propensities.iter_mut() {
        *propensity *= factor;
    }
    for at in raised {
        propensities[at] = least;
    }
}
