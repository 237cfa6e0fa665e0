//! Reads a guide that is made while it is read, through a pipe, and prints how long it took and how much memory:
//! `script/bench guides`, or `large_guide --megabytes 1000`.

use std::io::{BufWriter, Write};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use xmltv::{Entry, GuideReader, Limits, ProgrammeTracker, local_to_utc};

/// So many programmes are remembered, to recognise those that come up twice, as in an import.
const REMEMBERED: usize = 100_000;
/// The channels of the guide.
const CHANNELS: u64 = 200;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let megabytes: u64 = match &arguments[..] {
        [] => 1000,
        [name, value] if name == "--megabytes" => value.parse()?,
        _ => return Err("usage: large_guide [--megabytes NUMBER]".into()),
    };
    let (reader, writer) = std::io::pipe()?;
    let began = Instant::now();
    let making = std::thread::spawn(move || write(writer, megabytes * 1_000_000));
    let guide = GuideReader::new(reader, Limits::default(), |_, local| {
        local_to_utc(&Utc, local)
    })?;
    let mut tracker = ProgrammeTracker::new(REMEMBERED);
    let (mut programmes, mut refused) = (0_u64, 0_u64);
    for entry in guide {
        match entry? {
            Entry::Programme(programme) => {
                tracker.observe(&programme);
                programmes += 1;
            }
            Entry::Refused(_) => refused += 1,
            Entry::Channel(_) => {}
        }
    }
    let written = making.join().map_err(|_| "the guide could not be made")??;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:.0} MB, {programmes} programmes and {refused} refused in {seconds:.1} s: {:.1} MB/s; {}",
        written as f64 / 1e6,
        written as f64 / 1e6 / seconds,
        peak_memory()
    );
    Ok(())
}

/// Writes a guide of this many bytes or a little more, and answers how many.
fn write(pipe: impl Write, bytes: u64) -> Result<u64, Failure> {
    let mut out = BufWriter::with_capacity(1 << 16, pipe);
    let mut written = 0_u64;
    let mut put = |text: &str| {
        written += text.len() as u64;
        out.write_all(text.as_bytes())?;
        Ok::<u64, Failure>(written)
    };
    put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tv>\n")?;
    for channel in 0..CHANNELS {
        put(&format!(
            "<channel id=\"channel {channel}\"><display-name>Channel {channel}</display-name></channel>\n"
        ))?;
    }
    let form = "%Y%m%d%H%M%S +0000";
    for number in 0_u64.. {
        let slot = i64::try_from(number / CHANNELS)?;
        let start: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::minutes(30 * slot);
        let stop = start + TimeDelta::minutes(30);
        let done = put(&format!(
            "<programme channel=\"channel {}\" start=\"{}\" stop=\"{}\"><title lang=\"en\">Title {number}</title>\
             <desc>{}</desc><category>Movie</category><date>{}</date></programme>\n",
            number % CHANNELS,
            start.format(form),
            stop.format(form),
            "What happens in it &amp; to whom. ".repeat(16),
            1950 + number % 75,
        ))?;
        if done >= bytes {
            break;
        }
    }
    put("</tv>\n")?;
    out.flush()?;
    Ok(written)
}

/// The most memory that this process had, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
    match kib {
        Some(kib) => format!("at most {:.1} MiB of memory", kib / 1024.0),
        None => "its memory is not known here".to_owned(),
    }
}
