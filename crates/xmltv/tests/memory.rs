//! A guide of any size is read in bounded memory.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use xmltv::{Entry, GuideReader, Limits, ProgrammeTracker, local_to_utc};

/// The system's allocator, which counts.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; the counters touch no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A guide that is made while it is read.
struct Endless {
    left: usize,
    number: u64,
    piece: Vec<u8>,
    next: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.next == self.piece.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.number += 1;
            let number = self.number;
            let (channel, slot) = (number % 200, number / 200);
            let start =
                chrono::DateTime::from_timestamp(i64::try_from(slot).unwrap() * 1800, 0).unwrap();
            let stop = start + chrono::TimeDelta::minutes(30);
            let form = "%Y%m%d%H%M%S +0000";
            self.piece = format!(
                "<programme channel=\"channel {channel}\" start=\"{}\" stop=\"{}\"><title>Title {number}</title>\
                 <desc>{}</desc><category>Movie</category></programme>\n",
                start.format(form),
                stop.format(form),
                "words ".repeat(200)
            )
            .into_bytes();
            self.next = 0;
            self.left = self.left.saturating_sub(self.piece.len());
            if self.left == 0 {
                self.piece.extend_from_slice(b"</tv>");
            }
        }
        let length = buffer.len().min(self.piece.len() - self.next);
        buffer[..length].copy_from_slice(&self.piece[self.next..self.next + length]);
        self.next += length;
        Ok(length)
    }
}

#[test]
fn fifty_megabytes_are_read_in_four() {
    const SIZE: usize = 50_000_000;
    let guide = Endless {
        left: SIZE,
        number: 0,
        piece: b"<tv>".to_vec(),
        next: 0,
    };
    let mut tracker = ProgrammeTracker::new(5_000);
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let reader = GuideReader::new(guide, Limits::default(), |_, local| {
        local_to_utc(&chrono::Utc, local)
    });
    let mut programmes = 0_usize;
    for entry in reader.unwrap() {
        let Entry::Programme(programme) = entry.unwrap() else {
            panic!("every programme is good");
        };
        assert_eq!(tracker.observe(&programme), xmltv::Observation::New);
        programmes += 1;
    }
    assert!(programmes > SIZE / 1500, "{programmes} programmes");
    let most = MOST.load(Ordering::Relaxed) - before;
    assert!(most < 4_000_000, "{most} bytes were held at once");
}
