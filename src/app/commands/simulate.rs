//! `marquee simulate`: compares slate policies in invented worlds, or plays in somebody else's.

use std::io::{self, BufReader, BufWriter, Write};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum, value_parser};
use ranking::bandit::simulation::{Policy, Scenario, compare};
use ranking::bandit::{MAX_SHOWN, Sampler, Settings, protocol};

/// Compare policies for slates in simulated worlds, and print their cumulative regret: the number
/// of picks that the best slates would have had on average, less that of the slates shown.
///
/// With `--stdio`, play in a world of another program instead: JSON lines on standard input, one
/// answer a line on standard output (`docs/slates.md`). Neither needs a database.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// Answer JSON lines from standard input until it ends.
    #[arg(long, conflicts_with_all = ["rounds", "seeds", "candidates", "slate", "world", "batch"])]
    stdio: bool,
    /// Sampler of the bandit [default: for --stdio that with the lower regret, else both].
    #[arg(long, value_enum)]
    sampler: Option<SamplerName>,
    /// Seed of the draws of --stdio; equal seeds and lines give equal answers.
    #[arg(long, default_value_t = 0, requires = "stdio")]
    seed: u64,
    /// Number of rounds to play, of one slate each.
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    rounds: u32,
    /// Number of seeded worlds of each kind, over which the mean and its standard error are taken.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=10_000))]
    seeds: u32,
    /// Number of candidates in each round [default: as the kind of world says].
    #[arg(long, value_parser = value_parser!(u32).range(1..=100_000))]
    candidates: Option<u32>,
    /// Number of items in a slate, at most 200 [default: as the kind of world says].
    #[arg(long, value_parser = value_parser!(u32).range(1..=MAX_SHOWN as i64))]
    slate: Option<u32>,
    /// Number of rounds whose feedback comes together [default: as the kind of world says].
    #[arg(long, value_parser = value_parser!(u32).range(1..=1_000_000))]
    batch: Option<u32>,
    /// Kind of world, by its name in the table; may be repeated [default: all].
    #[arg(long, value_name = "NAME")]
    world: Vec<String>,
}

/// The samplers by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum SamplerName {
    /// Softmax weights, a precision for each parameter.
    Softmax,
    /// Logistic Thompson sampling, a full covariance.
    Logistic,
}

impl From<SamplerName> for Sampler {
    fn from(name: SamplerName) -> Self {
        match name {
            SamplerName::Softmax => Self::Softmax,
            SamplerName::Logistic => Self::Logistic,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// An unknown kind of world; standard input or output that fails.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a command owns its arguments, as every other does"
)]
pub fn run(args: SimulateArgs) -> anyhow::Result<()> {
    if args.stdio {
        let mut settings = args
            .sampler
            .map_or_else(Settings::default, |name| Settings::of(name.into()));
        settings.seed = args.seed;
        let (input, output) = (BufReader::new(io::stdin()), BufWriter::new(io::stdout()));
        return match protocol::serve(settings, input, output) {
            // Whoever played has left.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.context("standard input or output failed"),
        };
    }
    let scenarios = scenarios(&args)?;
    let mut policies = Policy::all();
    if let Some(name) = args.sampler {
        let sampler = Sampler::from(name);
        policies.retain(|policy| match policy {
            Policy::Ours(_, settings) => settings.sampler == sampler,
            _ => true,
        });
    }
    let table = compare(&scenarios, &policies, args.seeds.into());
    write!(io::stdout(), "{table}").context("standard output failed")
}

fn scenarios(args: &SimulateArgs) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = Scenario::all();
    for name in &args.world {
        if !scenarios.iter().any(|scenario| scenario.name == name) {
            let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
            bail!(
                "there is no kind of world `{name}`; there are: {}",
                names.join("; ")
            );
        }
    }
    if !args.world.is_empty() {
        scenarios.retain(|scenario| args.world.iter().any(|name| name == scenario.name));
    }
    for scenario in &mut scenarios {
        scenario.rounds = args.rounds as usize;
        for (given, set) in [
            (args.candidates, &mut scenario.candidates),
            (args.slate, &mut scenario.length),
            (args.batch, &mut scenario.batch),
        ] {
            if let Some(given) = given {
                *set = given as usize;
            }
        }
    }
    Ok(scenarios)
}
