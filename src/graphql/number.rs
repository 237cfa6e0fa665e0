//! Numbers on their way out.

/// The number that was meant by four bytes: 0.6, which the nearest single is a little more than.
/// GraphQL's `Float` has eight bytes and would show the difference.
pub fn double(single: f32) -> f64 {
    // A number's own text is always a number.
    single.to_string().parse().unwrap_or(f64::from(single))
}

/// A count as GraphQL's `Int`, which ends at 2,147,483,647: what is more is shown as that.
pub fn int(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_out_as_it_was_written() {
        assert_eq!(double(0.6).to_string(), "0.6");
        assert_eq!(double(7.2).to_string(), "7.2");
        assert!(double(f32::NAN).is_nan());
    }
}
