//! A bandit as a file that `numpy.load` opens: a zip of uncompressed arrays.
//!
//! With `S` = 6 signals, `F` features of the context (the first is 1), `C = F − 1`, `n` events and
//! `k` items in them; all little-endian:
//!
//! | array | shape | dtype | contents |
//! |---|---|---|---|
//! | `U`, `b` | (S, C), (S) | f8 | parameters of the signals' weights: of the context, and in all contexts |
//! | `a` | (F) | f8 | parameters of the intercept, that of all contexts first |
//! | `h_U`, `h_b` | (S, C), (S) | f8 | the precision of each of `U` and `b` (of `A` its diagonal) |
//! | `m`, `A` | (7F), (7F, 7F) | f8 | mean and precision of all parameters: rows intercept, then signals, by features |
//! | `sampler` | () | U | `softmax` or `logistic` |
//! | `wanted` | (S) | f8 | wanted weights |
//! | `exploration`, `forgetting`, `scale`, `intercept`, `intercept_deviation`, `weight_deviation`, `context_deviation`, `temperature`, `uniform_share`, `tick_weight`, `warm_weight` | () | f8 | hyper-parameters, as in [`Settings`] |
//! | `rng` | (2) | u8 | seed, and how many seeds were taken |
//! | `counts` | (4) | u8 | version of this format, channels, events that came, and those before the last folding |
//! | `event_id` | (n, 2) | u8 | ids, the upper half first |
//! | `event_sequence`, `event_weight` | (n) | u8, f8 | how many events came before, and how much it counts |
//! | `event_context` | (n, 4) | u2 | hour, weekday, month, channel |
//! | `event_kind`, `event_ticked` | (n) | u1 | 0 one pick, 1 clicks, 2 past pick; a bit for each ticked signal |
//! | `event_length` | (n) | u4 | how many items were shown |
//! | `item_signals`, `item_taken` | (k, S), (k) | f8, u1 | signals of the items, event after event, and whether they were taken |
//! | `folded_id` | (f, 2) | u8 | ids of events that are no longer kept |
//! | `folded_A`, `folded_l` | (7F, 7F), (7F) | f8 | what is known from those: `½ θᵀ A θ − lᵀ θ` |

use std::io::Cursor;

use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use super::super::numpy::{self, Array, Element, write, write_text};
use super::feedback::{Event, EventLog};
use super::fit::{Folded, Posterior};
use super::groups::Groups;
use super::model::Model;
use super::{
    Bandit, MAX_CHANNELS, MAX_EVENTS, MAX_SHOWN, Outcome, SIGNALS, Sampler, Settings, Signal,
    SlateContext, SlateFeedback,
};

/// The version of the format that is written and read.
const VERSION: u64 = 1;

/// The largest file that is read, in bytes.
const LARGEST: usize = 512 << 20;

/// Hyper-parameters that are one number each.
const NUMBERS: [&str; 11] = [
    "exploration",
    "forgetting",
    "scale",
    "intercept",
    "intercept_deviation",
    "weight_deviation",
    "context_deviation",
    "temperature",
    "uniform_share",
    "tick_weight",
    "warm_weight",
];

/// Why bytes are no bandit.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ArtifactError {
    /// They are no archive, or are cut off or changed.
    #[error("the bandit's file is damaged: {0}; take an older version")]
    Archive(String),
    /// An array is missing, or is not what it should be.
    #[error(
        "the bandit's file is damaged: the array `{0}` is missing or wrong; take an older version"
    )]
    Array(&'static str),
    /// Another program has written them.
    #[error("the bandit's file has format {0}, but this program reads format 1")]
    Version(u64),
}

impl Bandit {
    /// The bandit as the bytes of a file that numpy opens.
    pub fn to_npz(&self) -> Vec<u8> {
        numpy::pack(self.arrays())
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<u8>)> {
        let (features, size) = (self.model.features, self.model.size());
        let mean = &self.posterior.mean;
        let diagonal: Vec<f64> = self
            .posterior
            .precision
            .iter()
            .step_by(size + 1)
            .copied()
            .collect();
        let signals = |all: &[f64], bias: bool| -> Vec<f64> {
            let rows = all[features..].chunks_exact(features);
            rows.flat_map(|row| if bias { &row[..1] } else { &row[1..] })
                .copied()
                .collect()
        };
        let floats = |shape: &[usize], values: &[f64]| write(shape, values.iter().copied());
        let settings = &self.model.settings;
        let square = [size, size];
        let context = [SIGNALS, features - 1];
        let mut out = vec![
            ("U", floats(&context, &signals(mean, false))),
            ("b", floats(&[SIGNALS], &signals(mean, true))),
            ("h_U", floats(&context, &signals(&diagonal, false))),
            ("h_b", floats(&[SIGNALS], &signals(&diagonal, true))),
            ("a", floats(&[features], &mean[..features])),
            ("m", floats(&[size], mean)),
            ("A", floats(&square, &self.posterior.precision)),
            ("wanted", floats(&[SIGNALS], &settings.wanted)),
            (
                "sampler",
                write_text(match settings.sampler {
                    Sampler::Softmax => "softmax",
                    Sampler::Logistic => "logistic",
                }),
            ),
            ("rng", write(&[2], [settings.seed, self.draws].into_iter())),
        ];
        let numbers = NUMBERS
            .iter()
            .zip(numbers(&mut settings.clone()).map(|n| *n));
        out.extend(numbers.map(|(name, number)| (*name, floats(&[], &[number]))));
        let folded = self.folded.as_ref();
        let counts = [
            VERSION,
            self.model.channels as u64,
            self.log.arrived,
            folded.map_or(0, |folded| folded.arrived),
        ];
        out.push(("counts", write(&[4], counts.into_iter())));
        if let Some(folded) = folded {
            out.push(("folded_A", floats(&square, &folded.precision)));
            out.push(("folded_l", floats(&[size], &folded.linear)));
        }
        out.extend(self.log.arrays());
        out
    }

    /// The bandit of such a file.
    ///
    /// # Errors
    /// If it is damaged, too large, or of another format. It never panics.
    pub fn from_npz(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let arrays = unpack(bytes)?;
        let get = |name: &'static str| {
            let array = arrays.get(name).map(Vec::as_slice);
            array.ok_or(ArtifactError::Array(name))
        };
        let counts: Vec<u64> = read("counts", get("counts")?, &[4])?;
        if counts[0] != VERSION {
            return Err(ArtifactError::Version(counts[0]));
        }
        let channels = usize::try_from(counts[1]).unwrap_or(usize::MAX);
        if channels > MAX_CHANNELS {
            return Err(ArtifactError::Array("counts"));
        }
        let mut settings = match read_text("sampler", get("sampler")?)?.as_str() {
            "softmax" => Settings::softmax(),
            "logistic" => Settings::logistic(),
            _ => return Err(ArtifactError::Array("sampler")),
        };
        for (name, number) in NUMBERS.into_iter().zip(numbers(&mut settings)) {
            *number = read(name, get(name)?, &[])?[0];
        }
        let wanted: Vec<f64> = read("wanted", get("wanted")?, &[SIGNALS])?;
        settings.wanted.copy_from_slice(&wanted);
        let rng: Vec<u64> = read("rng", get("rng")?, &[2])?;
        settings.seed = rng[0];
        settings
            .check()
            .map_err(|error| ArtifactError::Archive(error.to_string()))?;
        let model = Model::new(settings, channels);
        let size = model.size();
        let numbers = |name: &'static str, shape: &[usize]| {
            let values: Vec<f64> = read(name, get(name)?, shape)?;
            let finite = values.iter().all(|value| value.is_finite());
            finite.then_some(values).ok_or(ArtifactError::Array(name))
        };
        let folded = if arrays.contains_key("folded_A") {
            Some(Folded {
                precision: numbers("folded_A", &[size, size])?,
                linear: numbers("folded_l", &[size])?,
                arrived: counts[3],
            })
        } else {
            None
        };
        let mut log = EventLog::of_arrays(&arrays)?;
        let known = |sequence: u64| sequence < counts[2];
        if counts[3] > counts[2] || !log.events.iter().all(|event| known(event.sequence)) {
            return Err(ArtifactError::Array("counts"));
        }
        log.arrived = counts[2];
        let (mean, precision) = (numbers("m", &[size])?, numbers("A", &[size, size])?);
        if !precision.iter().step_by(size + 1).all(|h| *h > 0.0) {
            return Err(ArtifactError::Array("A"));
        }
        let posterior = Posterior::with(&model, mean, precision);
        Ok(Self {
            posterior: posterior.ok_or(ArtifactError::Array("A"))?,
            groups: Groups::of(&model, &log.events),
            model,
            log,
            folded,
            draws: rng[1],
        })
    }
}

/// The numbers of [`NUMBERS`], in their order.
fn numbers(settings: &mut Settings) -> [&mut f64; 11] {
    [
        &mut settings.exploration,
        &mut settings.forgetting,
        &mut settings.scale,
        &mut settings.intercept,
        &mut settings.intercept_deviation,
        &mut settings.weight_deviation,
        &mut settings.context_deviation,
        &mut settings.temperature,
        &mut settings.uniform_share,
        &mut settings.tick_weight,
        &mut settings.warm_weight,
    ]
}

/// The arrays of a file by name.
fn unpack(bytes: &[u8]) -> Result<FxHashMap<String, Vec<u8>>, ArtifactError> {
    if bytes.len() > LARGEST {
        let large = format!("it is larger than {LARGEST} bytes");
        return Err(ArtifactError::Archive(large));
    }
    let arrays = numpy::unpack(Cursor::new(bytes), LARGEST as u64, |_| true);
    arrays.map_err(ArtifactError::Archive)
}

/// The numbers of an array of this shape.
fn read<T: Element>(
    name: &'static str,
    bytes: &[u8],
    shape: &[usize],
) -> Result<Vec<T>, ArtifactError> {
    let array = Array::parse(bytes).filter(|array| array.shape == shape && !array.fortran_order);
    let numbers = array.and_then(|array| array.numbers());
    numbers.ok_or(ArtifactError::Array(name))
}

/// The length of an array's first dimension.
fn rows(name: &'static str, bytes: &[u8]) -> Result<usize, ArtifactError> {
    let rows = Array::parse(bytes).and_then(|array| array.shape.first().copied());
    rows.ok_or(ArtifactError::Array(name))
}

/// The text of an array without dimensions.
fn read_text(name: &'static str, bytes: &[u8]) -> Result<String, ArtifactError> {
    let array = Array::parse(bytes).filter(|array| array.shape.is_empty());
    let text = array.and_then(|array| array.texts()?.pop());
    text.ok_or(ArtifactError::Array(name))
}

fn put_id(id: u128) -> [u64; 2] {
    [(id >> 64) as u64, id as u64]
}

fn read_ids(
    name: &'static str,
    arrays: &FxHashMap<String, Vec<u8>>,
) -> Result<Vec<u128>, ArtifactError> {
    let array = arrays.get(name).ok_or(ArtifactError::Array(name))?;
    let halves: Vec<u64> = read(name, array, &[rows(name, array)?, 2])?;
    let (pairs, _) = halves.as_chunks::<2>();
    let id = |[high, low]: &[u64; 2]| u128::from(*high) << 64 | u128::from(*low);
    Ok(pairs.iter().map(id).collect())
}

impl EventLog {
    fn arrays(&self) -> Vec<(&'static str, Vec<u8>)> {
        let count = self.events.len();
        let each = || self.events.iter().map(|event| &event.feedback);
        let ids: FxHashSet<u128> = each().map(|feedback| feedback.event).collect();
        let mut folded: Vec<u128> = self.known.difference(&ids).copied().collect();
        folded.sort_unstable();
        let items: usize = each().map(|feedback| feedback.shown.len()).sum();
        let context = |context: SlateContext| {
            [
                context.hour().into(),
                context.weekday().into(),
                context.month().into(),
                context.channel(),
            ]
        };
        let kind = |outcome: &Outcome| match outcome {
            Outcome::OnePick(_) => 0_u8,
            Outcome::Clicks(_) => 1,
            Outcome::PastPick(_) => 2,
        };
        let ticked = |ticked: &[Signal]| {
            ticked
                .iter()
                .fold(0_u8, |bits, signal| bits | 1 << signal.index())
        };
        let taken = |feedback: &SlateFeedback| -> Vec<u8> {
            let of = |at: usize| match &feedback.outcome {
                Outcome::OnePick(pick) => *pick == Some(at),
                Outcome::PastPick(pick) => *pick == at,
                Outcome::Clicks(clicks) => clicks[at],
            };
            (0..feedback.shown.len()).map(|at| of(at).into()).collect()
        };
        let signals = each().flat_map(|feedback| feedback.shown.iter().flatten().copied());
        vec![
            (
                "event_id",
                write(&[count, 2], each().flat_map(|f| put_id(f.event))),
            ),
            (
                "event_sequence",
                write(&[count], self.events.iter().map(|e| e.sequence)),
            ),
            (
                "event_weight",
                write(&[count], self.events.iter().map(|e| e.weight)),
            ),
            (
                "event_context",
                write(&[count, 4], each().flat_map(|f| context(f.context))),
            ),
            (
                "event_kind",
                write(&[count], each().map(|f| kind(&f.outcome))),
            ),
            (
                "event_ticked",
                write(&[count], each().map(|f| ticked(&f.ticked))),
            ),
            (
                "event_length",
                write(&[count], each().map(|f| f.shown.len() as u32)),
            ),
            ("item_signals", write(&[items, SIGNALS], signals)),
            ("item_taken", write(&[items], each().flat_map(taken))),
            (
                "folded_id",
                write(&[folded.len(), 2], folded.into_iter().flat_map(put_id)),
            ),
        ]
    }

    fn of_arrays(arrays: &FxHashMap<String, Vec<u8>>) -> Result<Self, ArtifactError> {
        let get = |name: &'static str| {
            let array = arrays.get(name).map(Vec::as_slice);
            array.ok_or(ArtifactError::Array(name))
        };
        let ids = read_ids("event_id", arrays)?;
        let count = ids.len();
        if count > MAX_EVENTS {
            return Err(ArtifactError::Array("event_id"));
        }
        let sequences: Vec<u64> = read("event_sequence", get("event_sequence")?, &[count])?;
        let weights: Vec<f64> = read("event_weight", get("event_weight")?, &[count])?;
        let contexts: Vec<u16> = read("event_context", get("event_context")?, &[count, 4])?;
        let kinds: Vec<u8> = read("event_kind", get("event_kind")?, &[count])?;
        let ticked: Vec<u8> = read("event_ticked", get("event_ticked")?, &[count])?;
        let lengths: Vec<u32> = read("event_length", get("event_length")?, &[count])?;
        if lengths.iter().any(|length| *length as usize > MAX_SHOWN) {
            return Err(ArtifactError::Array("event_length"));
        }
        let items: usize = lengths.iter().map(|length| *length as usize).sum();
        let signals: Vec<f64> = read("item_signals", get("item_signals")?, &[items, SIGNALS])?;
        let taken: Vec<u8> = read("item_taken", get("item_taken")?, &[items])?;
        let (mut signals, _) = signals.as_chunks::<SIGNALS>();
        let mut taken = taken.as_slice();
        let mut out = Self::default();
        for (at, id) in ids.into_iter().enumerate() {
            let (shown, later) = signals.split_at(lengths[at] as usize);
            let (took, later_taken) = taken.split_at(lengths[at] as usize);
            (signals, taken) = (later, later_taken);
            let narrow = |value: u16| u8::try_from(value).unwrap_or(u8::MAX);
            let part = |part: usize| contexts[at * 4 + part];
            let context =
                SlateContext::new(narrow(part(0)), narrow(part(1)), narrow(part(2)), part(3));
            let first = took.iter().position(|took| *took != 0);
            let outcome = match (kinds[at], first) {
                (0, pick) => Outcome::OnePick(pick),
                (1, _) => Outcome::Clicks(took.iter().map(|took| *took != 0).collect()),
                (2, Some(pick)) => Outcome::PastPick(pick),
                _ => return Err(ArtifactError::Array("event_kind")),
            };
            let of_signal = |signal: &Signal| ticked[at] >> signal.index() & 1 == 1;
            let feedback = SlateFeedback {
                event: id,
                context: context.map_err(|_| ArtifactError::Array("event_context"))?,
                shown: shown.to_vec(),
                outcome,
                ticked: Signal::ALL.into_iter().filter(of_signal).collect(),
            };
            feedback
                .check()
                .map_err(|_| ArtifactError::Array("item_signals"))?;
            if !(0.0..=1.0).contains(&weights[at]) {
                return Err(ArtifactError::Array("event_weight"));
            }
            if !out.known.insert(id) {
                return Err(ArtifactError::Array("event_id"));
            }
            out.events.push(Event {
                feedback,
                sequence: sequences[at],
                weight: weights[at],
            });
        }
        out.known.extend(read_ids("folded_id", arrays)?);
        Ok(out)
    }
}
