//! Ids that carry their kind.
//!
//! Inside they are `UUIDv7`, which sorts by age; outside they are opaque text in the `TypeID` form:
//! a short prefix, an underscore and 26 characters of Crockford's base 32 (lower case).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Clock, Rng};

/// What an [`Id`] names: one marker type a kind.
pub trait Kind: 'static {
    /// The prefix of the id's outer form: lower-case letters.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $name {}

            impl Kind for $name {
                const PREFIX: &'static str = $prefix;
            }
        )*

        /// Every prefix that an outer id may have.
        pub const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

kinds! {
    /// A person with an account, or an imported or anonymous one.
    User = "user";
    /// A thing that can be recommended.
    Content = "content";
    /// Somebody who made or plays in a content item.
    Person = "person";
    /// Something a user did to a content item.
    Interaction = "interaction";
    /// One list as it was served.
    List = "list";
    /// A trained model.
    Model = "model";
    /// A key for an app.
    ApiKey = "key";
    /// A chain of refresh tokens that began with one login.
    Session = "session";
    /// A piece of background work.
    Job = "job";
    /// A file that was uploaded.
    Upload = "upload";
    /// A slate of films for an hour of a channel.
    Slate = "slate";
    /// A film that a curator selected from a slate.
    Selection = "selection";
    /// An experiment with recommendation lists.
    Experiment = "experiment";
    /// A variant of an experiment.
    Variant = "variant";
    /// A television channel.
    Channel = "channel";
    /// A programme on a channel.
    Airing = "airing";
    /// One line of the audit log.
    AuditEntry = "audit";
}

/// The id of one thing of kind `K`.
pub struct Id<K> {
    raw: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// A new id at the clock's present.
    pub fn new(clock: &Clock, rng: &Rng) -> Self {
        Self::at(clock.now(), rng.bytes())
    }

    /// The id of something that happened at `when`, told apart from others by `rest` (of which
    /// 74 bits are used). The same arguments give the same id.
    pub fn at(when: DateTime<Utc>, rest: [u8; 10]) -> Self {
        // 48 bits of milliseconds; what happened before 1970 shares the first one.
        let millis = u64::try_from(when.timestamp_millis()).unwrap_or(0);
        Self::from(uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid())
    }

    /// When it was made, or when that happened which it names, to the millisecond.
    pub fn time(self) -> DateTime<Utc> {
        let millis = (self.raw.as_u128() >> 80) as i64; // 48 bits
        // Every number of 48 bits is a moment before the year 11000.
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }

    /// The UUID inside.
    pub fn uuid(self) -> Uuid {
        self.raw
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(raw: Uuid) -> Self {
        Self {
            raw,
            kind: PhantomData,
        }
    }
}

impl<K> From<Id<K>> for Uuid {
    fn from(id: Id<K>) -> Self {
        id.raw
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.raw.cmp(&other.raw)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 26 characters of 5 bits hold 130 bits: the first character carries only three.
const LENGTH: usize = 26;

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.raw.as_u128();
        let mut text = [0; LENGTH];
        for (index, letter) in text.iter_mut().rev().enumerate() {
            *letter = ALPHABET[(bits >> (5 * index)) as usize & 31];
        }
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The outer form, wherever an id leaves as JSON; its 16 bytes where programs write for themselves.
impl<K: Kind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        serde::Serialize::serialize(self.raw.as_bytes(), serializer)
    }
}

impl<'de, K: Kind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 16]>::deserialize(deserializer).map(|id| Uuid::from_bytes(id).into());
        }
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text is not the id that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Not of the form `prefix_…` with 26 characters.
    #[error("not an id of this server; an id looks like `{expected}_` and 26 letters and digits")]
    Malformed {
        /// The prefix that was asked for.
        expected: &'static str,
    },
    /// The id of another kind of thing.
    #[error("the id of another kind of thing; expected one that begins with `{expected}_`")]
    WrongKind {
        /// The prefix that was asked for.
        expected: &'static str,
    },
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let malformed = InvalidId::Malformed {
            expected: K::PREFIX,
        };
        let (prefix, rest) = text.split_once('_').ok_or(malformed)?;
        if prefix != K::PREFIX {
            return Err(if PREFIXES.contains(&prefix) {
                InvalidId::WrongKind {
                    expected: K::PREFIX,
                }
            } else {
                malformed
            });
        }
        decode(rest).map(Self::from).ok_or(malformed)
    }
}

/// Whether a text has the form of an id of any kind.
pub fn is_well_formed(text: &str) -> bool {
    text.split_once('_')
        .is_some_and(|(prefix, rest)| PREFIXES.contains(&prefix) && decode(rest).is_some())
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != LENGTH || text.as_bytes().first()? > &b'7' {
        return None;
    }
    text.bytes()
        .try_fold(0_u128, |bits, byte| {
            let five = ALPHABET.iter().position(|letter| *letter == byte)?;
            Some((bits << 5) | five as u128)
        })
        .map(Uuid::from_u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_form_is_that_of_typeid() {
        // The example of the TypeID specification, version 0.3.
        let id = Id::<User>::from(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
        assert_eq!(id.to_string(), "user_01h2xcejqtf2nbrexx3vqjhp41");
    }

    #[test]
    fn an_id_of_another_kind_is_told_from_nonsense() {
        let id = Id::<Content>::from(Uuid::from_u128(7)).to_string();
        assert_eq!(
            id.parse::<Id<User>>(),
            Err(InvalidId::WrongKind { expected: "user" })
        );
        for nonsense in [
            "",
            "user",
            "user_",
            "usr_00000000000000000000000007",
            "user_0",
        ] {
            assert_eq!(
                nonsense.parse::<Id<User>>(),
                Err(InvalidId::Malformed { expected: "user" })
            );
        }
        // More than 128 bits.
        assert!(
            "user_80000000000000000000000000"
                .parse::<Id<User>>()
                .is_err()
        );
    }

    proptest::proptest! {
        #[test]
        fn every_id_survives_the_way_out_and_back(bits: u128) {
            let id = Id::<Person>::from(Uuid::from_u128(bits));
            proptest::prop_assert_eq!(id.to_string().parse::<Id<Person>>(), Ok(id));
        }

        #[test]
        fn every_id_survives_being_kept_in_bytes(bits: u128) {
            let id = Id::<Person>::from(Uuid::from_u128(bits));
            let kept = postcard::to_stdvec(&id).unwrap();
            proptest::prop_assert_eq!(kept.len(), 16);
            proptest::prop_assert_eq!(postcard::from_bytes::<Id<Person>>(&kept), Ok(id));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = text.parse::<Id<Person>>();
        }
    }
}
