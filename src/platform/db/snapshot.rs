//! Snapshots of the database: what was committed at a moment, as Postgres itself says it.
//!
//! Whoever reads what is new remembers the snapshot of its last look and asks for what was not visible in it.
//! Numbers and times are given when something is written and seen when it is committed: they cannot say what
//! is new, since a transaction that began early may commit late. A snapshot can.

use std::fmt;
use std::str::FromStr;

/// What was committed at a moment. The later of two snapshots of one database contains the earlier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Transactions from this number on had not ended.
    next: u64,
    /// The transactions before it that had not ended either, in ascending order.
    open: Vec<u64>,
}

/// A text that is no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no snapshot of Postgres")]
pub struct NoSnapshot;

impl Snapshot {
    /// The first transaction that had not ended, as none after it had.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The transactions before [`Snapshot::next`] that had not ended, in ascending order.
    pub fn open(&self) -> &[u64] {
        &self.open
    }

    /// The oldest transaction that had not ended.
    pub fn oldest_open(&self) -> u64 {
        self.open.first().copied().unwrap_or(self.next)
    }

    /// Whether what this transaction wrote was committed, if it was not rolled back.
    pub fn contains(&self, transaction: u64) -> bool {
        transaction < self.next && self.open.binary_search(&transaction).is_err()
    }

    /// Whether everything that `other` contains is in this one.
    pub fn includes(&self, other: &Self) -> bool {
        other.next <= self.next
            && self
                .open
                .iter()
                .take_while(|open| **open < other.next)
                .all(|open| !other.contains(*open))
    }

    /// The transactions that had begun before `earlier`, were open in it, and are not any more.
    pub fn ended_since(&self, earlier: &Self) -> Vec<u64> {
        let open = earlier.open.iter().copied();
        open.filter(|transaction| self.contains(*transaction))
            .collect()
    }
}

/// As Postgres writes it: `xmin:xmax:xip_list`.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.oldest_open(), self.next)?;
        for (place, open) in self.open.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{open}")?;
        }
        Ok(())
    }
}

impl FromStr for Snapshot {
    type Err = NoSnapshot;

    fn from_str(text: &str) -> Result<Self, NoSnapshot> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| NoSnapshot);
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(NoSnapshot);
        let (oldest, next, open) = (number(part()?)?, number(part()?)?, part()?);
        let open: Vec<u64> = match open {
            "" => Vec::new(),
            open => open.split(',').map(number).collect::<Result<_, _>>()?,
        };
        let snapshot = Self { next, open };
        let ascends = snapshot.open.is_sorted_by(|one, other| one < other);
        let in_range = snapshot.open.last().is_none_or(|last| *last < next);
        if ascends && in_range && oldest == snapshot.oldest_open() {
            Ok(snapshot)
        } else {
            Err(NoSnapshot)
        }
    }
}

/// The numbers of transactions as parameters of a statement: `$1::text[]::xid8[]`.
pub fn numbers(transactions: &[u64]) -> Vec<String> {
    transactions.iter().map(u64::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    #[test]
    fn a_snapshot_is_written_as_it_is_read() {
        for text in [
            "5:5:",
            "100:105:100,103",
            "18446744073709551614:18446744073709551615:18446744073709551614",
        ] {
            assert_eq!(snapshot(text).to_string(), text);
        }
        for text in [
            "", "5", "5:5", "5:6:", "3:5:4", "5:4:", "3:5:3,3", "3:5:4,3", "3:5:3,5", "-1:5:", "x",
        ] {
            assert_eq!(text.parse::<Snapshot>(), Err(NoSnapshot), "{text}");
        }
    }

    #[test]
    fn a_snapshot_contains_what_had_ended() {
        let seen = snapshot("100:105:100,103");
        let contained: Vec<u64> = (98..108).filter(|number| seen.contains(*number)).collect();
        assert_eq!(contained, [98, 99, 101, 102, 104]);
        assert_eq!((seen.oldest_open(), seen.next()), (100, 105));
        assert_eq!(snapshot("7:7:").oldest_open(), 7);
    }

    #[test]
    fn a_later_snapshot_includes_an_earlier_one_and_tells_what_ended_between_them() {
        let (early, late) = (snapshot("100:105:100,103"), snapshot("103:110:103,107"));
        assert!(late.includes(&early) && late.includes(&late) && !early.includes(&late));
        assert_eq!(late.ended_since(&early), [100]);
        assert_eq!(early.ended_since(&early), [0_u64; 0]);
        // The same transactions have begun, and fewer have ended.
        assert!(!snapshot("99:105:99,100,103").includes(&early));
    }
}
