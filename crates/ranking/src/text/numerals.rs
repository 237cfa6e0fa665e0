//! Roman and Arabic numerals, as volumes and sequels are numbered.

/// The largest number that is read from Roman numerals: longer series number otherwise, and `MIX` is a word.
const LARGEST: u32 = 39;

/// Whether a word has nothing but digits.
pub fn is_number(folded: &str) -> bool {
    !folded.is_empty() && folded.chars().all(char::is_numeric)
}

/// The number from 2 to 39 that a folded word writes in Roman numerals; `i` is a word of many languages.
pub fn arabic(folded: &str) -> Option<u32> {
    if folded.is_empty() || folded.len() > 7 {
        return None;
    }
    (2..=LARGEST).find(|number| roman(*number) == folded)
}

/// The same number in the other numerals: `2` for `ii`, `ii` for `2`.
pub fn other_numeral(folded: &str) -> Option<String> {
    if let Some(number) = arabic(folded) {
        return Some(number.to_string());
    }
    let number: u32 = folded.parse().ok()?;
    // `007` is no 7.
    let plain = (2..=LARGEST).contains(&number) && !folded.starts_with('0');
    plain.then(|| roman(number))
}

fn roman(number: u32) -> String {
    const UNITS: [&str; 10] = ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"];
    let tens = "x".repeat((number / 10) as usize);
    tens + UNITS[(number % 10) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_are_read_both_ways() {
        for (roman, number) in [("ii", "2"), ("iv", "4"), ("xiv", "14"), ("xxxix", "39")] {
            assert_eq!(other_numeral(roman).as_deref(), Some(number));
            assert_eq!(other_numeral(number).as_deref(), Some(roman));
        }
        for none in ["i", "1", "40", "iiii", "mix", "007", "", "ix2"] {
            assert_eq!(other_numeral(none), None, "{none}");
        }
    }
}
