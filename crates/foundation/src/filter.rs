//! Typed conditions on one field. What is `None` or empty does not filter; what is given must all
//! hold. Written as JSON, they hold what is given and nothing else.

use serde::{Deserialize, Serialize};

/// Conditions on a value that has an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Comparison<T> {
    /// Equal to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eq: Option<T>,
    /// One of these; an empty list matches nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<T>>,
    /// Less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lt: Option<T>,
    /// At most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lte: Option<T>,
    /// More than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gt: Option<T>,
    /// At least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gte: Option<T>,
    /// Whether the value is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_null: Option<bool>,
}

// Derived, it would ask that `T` has a default.
impl<T> Default for Comparison<T> {
    fn default() -> Self {
        Self {
            eq: None,
            one_of: None,
            lt: None,
            lte: None,
            gt: None,
            gte: None,
            is_null: None,
        }
    }
}

impl<T> Comparison<T> {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.eq.is_none()
            && self.one_of.is_none()
            && self.lt.is_none()
            && self.lte.is_none()
            && self.gt.is_none()
            && self.gte.is_none()
            && self.is_null.is_none()
    }

    /// How many values the list among these conditions has.
    pub fn listed(&self) -> usize {
        self.one_of.as_ref().map_or(0, Vec::len)
    }
}

impl<T: PartialOrd> Comparison<T> {
    /// Whether all conditions hold for a value, as the database sees it: for one that is missing
    /// only `is_null` does.
    pub fn holds(&self, value: Option<&T>) -> bool {
        if self.is_null.is_some_and(|null| null != value.is_none()) {
            return false;
        }
        let Some(value) = value else {
            let compared = self.eq.is_some()
                || self.one_of.is_some()
                || self.lt.is_some()
                || self.lte.is_some()
                || self.gt.is_some()
                || self.gte.is_some();
            return !compared;
        };
        self.eq.as_ref().is_none_or(|eq| value == eq)
            && self.one_of.as_ref().is_none_or(|all| all.contains(value))
            && self.lt.as_ref().is_none_or(|bound| value < bound)
            && self.lte.as_ref().is_none_or(|bound| value <= bound)
            && self.gt.as_ref().is_none_or(|bound| value > bound)
            && self.gte.as_ref().is_none_or(|bound| value >= bound)
    }
}

impl<T: Clone> Comparison<T> {
    /// The same conditions on another form of the value.
    pub fn map<U>(&self, form: impl Fn(T) -> U) -> Comparison<U> {
        let one = |value: &Option<T>| value.clone().map(&form);
        Comparison {
            eq: one(&self.eq),
            one_of: self
                .one_of
                .as_ref()
                .map(|values| values.iter().cloned().map(&form).collect()),
            lt: one(&self.lt),
            lte: one(&self.lte),
            gt: one(&self.gt),
            gte: one(&self.gte),
            is_null: self.is_null,
        }
    }
}

/// Conditions on a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Text {
    /// Equal to this, letter by letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eq: Option<String>,
    /// One of these; an empty list matches nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// Contains this, whatever the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Starts with this, whatever the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_with: Option<String>,
    /// Whether the text is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_null: Option<bool>,
}

/// Conditions on a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextList {
    /// Has this among its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has: Option<String>,
    /// Has at least one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_any: Option<Vec<String>>,
    /// Has all of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_all: Option<Vec<String>>,
    /// Whether the list has no member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_empty: Option<bool>,
}

impl Text {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many values the list among these conditions has.
    pub fn listed(&self) -> usize {
        self.one_of.as_ref().map_or(0, Vec::len)
    }
}

impl TextList {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many values the lists among these conditions have.
    pub fn listed(&self) -> usize {
        let length = |values: &Option<Vec<String>>| values.as_ref().map_or(0, Vec::len);
        length(&self.has_any) + length(&self.has_all)
    }
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    #[test]
    fn a_value_holds_where_every_condition_does_and_a_missing_one_where_there_is_none() {
        let between = Comparison {
            gte: Some(2),
            lt: Some(5),
            one_of: Some(vec![1, 2, 4]),
            ..Comparison::default()
        };
        let held = (0..7).filter(|value| between.holds(Some(value)));
        assert_eq!(held.collect::<Vec<_>>(), [2, 4]);
        assert!(!between.holds(None));
        assert!(Comparison::<i32>::default().holds(None));
        let null = |is_null| Comparison {
            is_null: Some(is_null),
            ..Comparison::default()
        };
        assert!(null(true).holds(None) && !null(true).holds(Some(&1)));
        assert!(null(false).holds(Some(&1)) && !null(false).holds(None));
    }
}
