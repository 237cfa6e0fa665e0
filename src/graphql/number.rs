//! Numbers on their way out.

/// The number that was meant by four bytes: 0.6, which the nearest single is a little more than.
/// GraphQL's `Float` has eight bytes and would show the difference.
pub fn double(single: f32) -> f64 {
    // A number's own text is always a number.
    single.to_string().parse().unwrap_or(f64::from(single))
}

/// The single nearest to a number that came in: what [`double`] shows as that number again. What is
/// beyond the range of singles becomes infinite, which no range that is checked includes.
pub fn single(double: f64) -> f32 {
    double as f32
}

/// A count as GraphQL's `Int`, which ends at 2,147,483,647: what is more is shown as that.
pub fn int(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_came_in_goes_out_as_it_came() {
        for number in [0.1, 0.2, 0.3, 0.7, 3.5, 4.5, 7.2, 9.9] {
            assert_eq!(double(single(number)), number);
        }
        assert!(single(1e300).is_infinite());
    }

    #[test]
    fn a_number_comes_out_as_it_was_written() {
        assert_eq!(double(0.6).to_string(), "0.6");
        assert_eq!(double(7.2).to_string(), "7.2");
        assert!(double(f32::NAN).is_nan());
    }
}
