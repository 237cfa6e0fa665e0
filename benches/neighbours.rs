//! Measures the neighbour index: see the section `neighbours` of `script/bench`.
//!
//!     cargo bench --bench neighbours -- FOLDER
//!
//! makes 100,000 vectors of 128 numbers and 1,000 queries, prints what the index needs for them,
//! and leaves vectors, queries, filters and true neighbours in FOLDER, so that
//! `script/measure-neighbours` can ask other libraries the same.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use ranking::neighbours::{Index, Metric, SCANNED};

const LENGTH: usize = 128;
const VECTORS: usize = 100_000;
const QUERIES: usize = 1_000;
const NEAREST: usize = 10;
/// Every measurement is made this often, and the best counts: the others were disturbed.
const ROUNDS: usize = 5;
const BREADTHS: [usize; 14] = [10, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 256, 512];
/// The recall at which rates are compared.
const GOAL: f64 = 0.99;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // `cargo bench` adds a flag of its own.
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let folder = folder.ok_or("which folder is for the data?")?;
    sizes()?;
    for (name, centres) in [("clustered", 1_000), ("gaussian", 0)] {
        let folder = Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder)?;
        table(name, centres, &folder)?;
    }
    Ok(())
}

/// A stream of numbers (SplitMix64).
struct BenchRng(u64);

impl BenchRng {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    /// Box and Muller.
    fn normal(&mut self) -> f32 {
        let (radius, angle) = ((-2.0 * self.unit().ln()).sqrt(), self.unit());
        (radius * (std::f64::consts::TAU * angle).cos()) as f32
    }
}

/// Vectors around centres, half as far from them as those are from zero; without centres, noise.
/// Vector number `i` belongs to centre `i % centres`.
fn vectors(count: usize, centres: usize, seed: u64) -> Vec<f32> {
    let mut rng = BenchRng(1);
    let centre: Vec<f32> = (0..centres * LENGTH).map(|_| rng.normal()).collect();
    let (mut rng, spread) = (BenchRng(seed << 32), if centres > 0 { 0.5 } else { 1.0 });
    (0..count * LENGTH)
        .map(|at| {
            let (row, column) = (at / LENGTH, at % LENGTH);
            let middle = centre.get((row % centres.max(1)) * LENGTH + column);
            middle.unwrap_or(&0.0) + spread * rng.normal()
        })
        .collect()
}

fn build(vectors: &[f32]) -> Result<Index, Failure> {
    let items = (0..).zip(vectors.chunks(LENGTH));
    let watch = &mut |_, _| ControlFlow::Continue(());
    Ok(Index::build(LENGTH, Metric::Cosine, items, 1, watch)?)
}

type Answer = Vec<(u32, f32)>;
type Answers = Vec<Answer>;

/// The processor time of this thread: what others do on the machine is not counted.
fn spent() -> Result<Duration, Failure> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// The answers, and how many of the queries are answered in a second on one core.
fn ask(
    index: &Index,
    queries: &[f32],
    breadth: usize,
    filter: impl Fn(u32) -> bool + Copy,
) -> Result<(Answers, f64), Failure> {
    let mut best = f64::MAX;
    let mut answers = Answers::new();
    for _ in 0..ROUNDS {
        let start = spent()?;
        answers = queries
            .chunks(LENGTH)
            .map(|query| index.nearest(query, NEAREST, breadth, filter))
            .collect::<Result<_, _>>()?;
        best = best.min((spent()? - start).as_secs_f64());
    }
    Ok((answers, (queries.len() / LENGTH) as f64 / best))
}

fn recall(answers: &Answers, truth: &Answers) -> f64 {
    let hits = |(answer, truth): (&Answer, &Answer)| {
        let hit = |key: u32| truth.iter().any(|truth| truth.0 == key);
        answer.iter().filter(|answer| hit(answer.0)).count()
    };
    let found: usize = answers.iter().zip(truth).map(hits).sum();
    found as f64 / truth.iter().map(Vec::len).sum::<usize>() as f64
}

/// Prints the first breadth that reaches the goal, and returns the truth.
fn reach(
    what: &str,
    index: &Index,
    queries: &[f32],
    filter: impl Fn(u32) -> bool + Copy,
) -> Result<Answers, Failure> {
    // As broad as all vectors is a scan.
    let truth = queries
        .chunks(LENGTH)
        .map(|query| index.nearest(query, NEAREST, usize::MAX, filter))
        .collect::<Result<Answers, _>>()?;
    for breadth in BREADTHS {
        let (answers, rate) = ask(index, queries, breadth, filter)?;
        let recall = recall(&answers, &truth);
        if recall >= GOAL || Some(&breadth) == BREADTHS.last() {
            println!(
                "{what}, marquee: {rate:.0} queries/s at recall {recall:.4} (breadth {breadth})"
            );
            break;
        }
    }
    Ok(truth)
}

/// Where the graph takes over from the scan.
fn sizes() -> Result<(), Failure> {
    let queries = vectors(QUERIES, 100, 3);
    for count in [
        SCANNED / 4,
        SCANNED / 2,
        SCANNED,
        SCANNED + 1,
        SCANNED * 2,
        SCANNED * 4,
    ] {
        let index = build(&vectors(count, 100, 2))?;
        let how = if count > SCANNED { "walked" } else { "scanned" };
        reach(&format!("{count} vectors, {how}"), &index, &queries, |_| {
            true
        })?;
    }
    Ok(())
}

fn table(name: &str, centres: usize, folder: &Path) -> Result<(), Failure> {
    let (items, queries) = (vectors(VECTORS, centres, 2), vectors(QUERIES, centres, 3));
    let start = Instant::now();
    let index = build(&items)?;
    let took = start.elapsed().as_secs_f64();
    let size = index.bytes() as f64 / f64::from(1 << 20);
    println!("{name}, marquee: built in {took:.1} s, {size:.0} MiB");

    write(&folder.join("items"), items.iter().map(|v| v.to_le_bytes()))?;
    write(
        &folder.join("queries"),
        queries.iter().map(|v| v.to_le_bytes()),
    )?;
    keep(
        folder,
        "all",
        &reach(&format!("{name}, all"), &index, &queries, |_| true)?,
        |_| true,
    )?;
    for percent in [50_u32, 10, 1] {
        // Scattered over all clusters.
        let filter = |key: u32| key.wrapping_mul(0x9e37_79b9) >> 16 < (percent << 16) / 100;
        let truth = reach(&format!("{name}, {percent} %"), &index, &queries, filter)?;
        keep(folder, &percent.to_string(), &truth, filter)?;
    }
    if centres > 0 {
        // Whole clusters, so that most queries have nothing that passes around them.
        let filter = |key: u32| key as usize % centres < centres / 10;
        let truth = reach(
            &format!("{name}, every tenth cluster"),
            &index,
            &queries,
            filter,
        )?;
        keep(folder, "clusters", &truth, filter)?;
    }
    Ok(())
}

/// Leaves the truth and the filter of a measurement for the others.
fn keep(
    folder: &Path,
    what: &str,
    truth: &Answers,
    filter: impl Fn(u32) -> bool,
) -> Result<(), Failure> {
    let keys = truth.iter().flatten().map(|(key, _)| key.to_le_bytes());
    write(&folder.join(format!("truth-{what}")), keys)?;
    let passes = (0..VECTORS as u32).map(|key| [u8::from(filter(key))]);
    write(&folder.join(format!("passes-{what}")), passes)
}

fn write<const N: usize>(path: &Path, of: impl Iterator<Item = [u8; N]>) -> Result<(), Failure> {
    Ok(std::fs::write(path, of.flatten().collect::<Vec<u8>>())?)
}
