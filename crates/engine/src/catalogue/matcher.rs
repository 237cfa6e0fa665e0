//! Whether an item fits a filter, as the database would say.

use super::ContentFilter;
use super::index::Catalogue;
use super::item::{IndexedItem, InternedString, StringInterner};
use foundation::filter::{Comparison, Text, TextList};

/// A filter, ready to be held against items. What is missing in an item fits no condition but
/// `isNull`, and `not` holds for whatever its part does not fit, as in SQL.
pub struct Matcher<'a> {
    filter: &'a ContentFilter,
    person: Option<Option<InternedString>>,
    and: Vec<Matcher<'a>>,
    or: Vec<Matcher<'a>>,
    not: Option<Box<Matcher<'a>>>,
    strings: &'a StringInterner,
}

impl<'a> Matcher<'a> {
    /// A matcher for items of this catalogue.
    pub fn new(filter: &'a ContentFilter, catalogue: &'a Catalogue) -> Self {
        Self::with(filter, catalogue.strings())
    }

    fn with(filter: &'a ContentFilter, strings: &'a StringInterner) -> Self {
        let part = |part: &'a ContentFilter| Self::with(part, strings);
        let person = filter.person.map(|person| person.uuid().to_string());
        Self {
            filter,
            person: person.map(|person| strings.find(&person)),
            and: filter.and.iter().map(part).collect(),
            or: filter.or.iter().map(part).collect(),
            not: filter.not.as_deref().map(|not| Box::new(part(not))),
            strings,
        }
    }

    /// Whether the item fits.
    pub fn matches(&self, entry: &IndexedItem) -> bool {
        let filter = self.filter;
        compare(&filter.kind, Some(&entry.kind), |a, b| {
            a.as_str().cmp(b.as_str()).into()
        }) && text(&filter.title, Some(&entry.title))
            && self.list(&filter.genres, &entry.genres)
            && self.list(&filter.tags, &entry.tags)
            && ordered(&filter.year, entry.year.as_ref())
            && ordered(&filter.duration_minutes, entry.duration_minutes.as_ref())
            && self.text(&filter.language, entry.language)
            && ordered(
                &filter.rating_average.map(|rating| rating as f32),
                entry.rating_average.as_ref(),
            )
            && ordered(&filter.rating_count, entry.rating_count.as_ref())
            && ordered(&filter.popularity, Some(&entry.popularity))
            && self.text(&filter.brand, entry.brand)
            && self.text(&filter.merchant, entry.merchant)
            && self.list(&filter.category_path, &entry.category_path)
            && ordered(&filter.price, entry.price.as_ref())
            && self.text(&filter.currency, entry.currency)
            && ordered(&filter.stock, entry.stock.as_ref())
            && self.text(&filter.color, entry.color)
            && ordered(&filter.rights_from, entry.rights_from.as_ref())
            && ordered(&filter.rights_until, entry.rights_until.as_ref())
            && compare(&filter.visibility, Some(&entry.visibility), |a, b| {
                a.as_str().cmp(b.as_str()).into()
            })
            && ordered(&filter.creator, entry.creator.as_ref())
            && ordered(&filter.created_at, Some(&entry.created_at))
            && ordered(&filter.updated_at, Some(&entry.updated_at))
            && self
                .person
                .is_none_or(|person| person.is_some_and(|person| entry.people.contains(&person)))
            && self.and.iter().all(|part| part.matches(entry))
            && (self.or.is_empty() || self.or.iter().any(|part| part.matches(entry)))
            && self.not.as_ref().is_none_or(|part| !part.matches(entry))
    }

    fn text(&self, filter: &Text, value: Option<InternedString>) -> bool {
        // Nearly always there is nothing to ask, and then no name to look up.
        *filter == Text::default() || text(filter, value.map(|value| self.strings.name(value)))
    }

    fn list(&self, filter: &TextList, members: &[InternedString]) -> bool {
        let has = |name: &String| {
            let string = self.strings.find(name);
            string.is_some_and(|string| members.contains(&string))
        };
        filter.has.as_ref().is_none_or(has)
            && filter
                .has_any
                .as_ref()
                .is_none_or(|names| names.iter().any(has))
            && filter
                .has_all
                .as_ref()
                .is_none_or(|names| names.iter().all(has))
            && filter
                .is_empty
                .is_none_or(|empty| members.is_empty() == empty)
    }
}

fn ordered<T: PartialOrd>(filter: &Comparison<T>, value: Option<&T>) -> bool {
    compare(filter, value, PartialOrd::partial_cmp)
}

fn compare<T>(
    filter: &Comparison<T>,
    value: Option<&T>,
    order: impl Fn(&T, &T) -> Option<std::cmp::Ordering>,
) -> bool {
    let holds = |bound: &Option<T>, fits: fn(std::cmp::Ordering) -> bool| {
        bound.as_ref().is_none_or(|bound| {
            value
                .and_then(|value| order(value, bound))
                .is_some_and(fits)
        })
    };
    holds(&filter.eq, std::cmp::Ordering::is_eq)
        && filter.one_of.as_ref().is_none_or(|bounds| {
            value.is_some_and(|value| {
                let mut orders = bounds.iter().filter_map(|bound| order(value, bound));
                orders.any(std::cmp::Ordering::is_eq)
            })
        })
        && holds(&filter.lt, std::cmp::Ordering::is_lt)
        && holds(&filter.lte, std::cmp::Ordering::is_le)
        && holds(&filter.gt, std::cmp::Ordering::is_gt)
        && holds(&filter.gte, std::cmp::Ordering::is_ge)
        && filter.is_null.is_none_or(|null| value.is_none() == null)
}

fn text(filter: &Text, value: Option<&str>) -> bool {
    let fits = |part: &Option<String>, fits: fn(&str, &str) -> bool| {
        part.as_ref()
            .is_none_or(|part| value.is_some_and(|value| fits(value, part)))
    };
    fits(&filter.eq, |value, whole| value == whole)
        && filter
            .one_of
            .as_ref()
            .is_none_or(|texts| value.is_some_and(|value| texts.iter().any(|text| text == value)))
        && fits(&filter.contains, |value, part| {
            value.to_lowercase().contains(&part.to_lowercase())
        })
        && fits(&filter.starts_with, |value, start| {
            value.to_lowercase().starts_with(&start.to_lowercase())
        })
        && filter.is_null.is_none_or(|null| value.is_none() == null)
}
