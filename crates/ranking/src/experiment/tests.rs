//! Reference values are of statsmodels 0.14 (`proportion_confint` with `wilson`, `confint_proportions_2indep` with
//! `newcomb`, `proportions_ztest`) and scipy (`chisquare`, `chi2.sf`, `special.erfc`); the differences of small groups
//! are also the examples (a) to (f) of Newcombe (1998b), table II.

use proptest::prelude::*;

use super::*;

fn of(successes: u64, trials: u64) -> Proportion {
    Proportion::new(successes, trials)
}

fn close(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= 1e-9 * expected.abs().max(1e-3),
        "{found} is not {expected}"
    );
}

#[test]
fn intervals_of_proportions_are_those_of_wilson() {
    for (successes, trials, low, high) in [
        (81, 263, 0.255_288_519_878_274_2, 0.366_209_576_982_800_04),
        (15, 148, 0.062_386_399_530_736_28, 0.160_487_241_723_308_03),
        (0, 20, 0.0, 0.161_125_158_052_819_4),
        (1, 29, 0.006_113_214_292_762_667, 0.171_755_218_793_202_94),
        (20, 20, 0.838_874_841_947_180_4, 1.0),
        (
            120,
            1000,
            0.101_299_260_601_309_12,
            0.141_609_075_847_712_76,
        ),
    ] {
        let interval = of(successes, trials).interval().unwrap();
        close(interval.low, low);
        close(interval.high, high);
    }
    assert_eq!(of(0, 0).interval(), None);
}

#[test]
fn intervals_of_differences_are_those_of_newcombe() {
    for (variant, control, low, high) in [
        (
            (56, 70),
            (48, 80),
            0.052_431_472_402_364_98,
            0.333_872_654_036_906_14,
        ),
        (
            (9, 10),
            (3, 10),
            0.170_522_723_934_502_9,
            0.809_017_973_535_488,
        ),
        (
            (6, 7),
            (2, 7),
            0.058_227_927_482_312_09,
            0.806_249_637_524_227_8,
        ),
        (
            (5, 56),
            (0, 29),
            -0.038_137_147_903_536_936,
            0.192_560_013_855_111_65,
        ),
        (
            (0, 10),
            (0, 20),
            -0.161_125_158_052_819_4,
            0.277_532_799_862_889_26,
        ),
        ((10, 10), (0, 20), 0.679_086_037_141_914_5, 1.0),
        (
            (120, 1000),
            (150, 1010),
            -0.058_361_605_040_561_294,
            0.001_338_778_616_926_734_2,
        ),
    ] {
        let found = difference(of(control.0, control.1), of(variant.0, variant.1)).unwrap();
        close(found.low, low);
        close(found.high, high);
    }
    assert_eq!(difference(of(0, 0), of(1, 2)), None);
    assert_eq!(difference(of(1, 2), of(0, 0)), None);
}

#[test]
fn the_test_of_two_proportions_is_two_sided_and_pooled() {
    for (one, other, expected) in [
        ((56, 70), (48, 80), 0.008_045_081_368_196_56),
        ((120, 1000), (150, 1010), 0.060_868_746_626_838_77),
        ((500, 5000), (650, 5000), 2.577_884_375_420_349e-6),
        ((100, 1000), (100, 1000), 1.0),
    ] {
        let (one, other) = (of(one.0, one.1), of(other.0, other.1));
        close(p_value(one, other).unwrap(), expected);
        assert_eq!(p_value(one, other), p_value(other, one));
    }
}

#[test]
fn few_successes_or_failures_are_no_ground_for_the_normal_approximation() {
    assert_eq!(p_value(of(0, 1000), of(3, 1000)), None);
    assert_eq!(p_value(of(1000, 1000), of(997, 1000)), None);
    assert_eq!(p_value(of(0, 0), of(500, 1000)), None);
    assert!(p_value(of(5, 1000), of(5, 1000)).is_some());
}

#[test]
fn the_users_that_a_difference_needs_follow_from_power_and_significance() {
    // The formula with the quantiles of scipy, rounded up.
    assert_eq!(users_needed(0.1, 0.12, 0.05), Some(3_841));
    assert_eq!(users_needed(0.02, 0.025, 0.05), Some(13_809));
    assert_eq!(users_needed(0.5, 0.4, 0.05), Some(388));
    assert_eq!(users_needed(0.1, 0.12, 0.025), Some(4_652));
    for (control, variant, significance) in [
        (0.1, 0.1, 0.05),
        (f64::NAN, 0.1, 0.05),
        (0.1, 1.1, 0.05),
        (0.1, 0.2, 0.0),
        (0.1, 0.2, f64::NAN),
    ] {
        assert_eq!(users_needed(control, variant, significance), None);
    }
}

#[test]
fn group_sizes_are_held_against_their_weights() {
    type Case = (&'static [u64], &'static [f64], f64);
    let cases: [Case; 5] = [
        (&[821, 749], &[1.0, 1.0], 0.069_199_341_944_534_4),
        (&[1000, 1100, 1010], &[1.0; 3], 0.053_608_640_739_194_6),
        (&[900, 100], &[9.0, 1.0], 1.0),
        (&[52, 39, 61, 48, 55], &[1.0; 5], 0.258_428_095_946_698_63),
        (&[5000, 5300], &[1.0, 1.0], 0.003_116_693_839_866_867),
    ];
    for (counts, weights, expected) in cases {
        close(sample_ratio_p_value(counts, weights).unwrap(), expected);
    }
    assert_eq!(sample_ratio_p_value(&[4, 4], &[1.0, 1.0]), None);
    assert_eq!(sample_ratio_p_value(&[400], &[1.0]), None);
    assert_eq!(sample_ratio_p_value(&[400, 400], &[1.0]), None);
    assert_eq!(sample_ratio_p_value(&[400, 400], &[1.0, 0.0]), None);
}

#[test]
fn tails_of_chi_square_and_normal_variables_are_exact() {
    let at_25 = [
        5.733_031_437_583_875e-7,
        3.726_653_172_078_671_8e-6,
        1.544_049_829_110_136_5e-5,
        5.030_981_782_306_207_5e-5,
        1.393_337_911_856_263e-4,
        3.414_545_968_917_083_6e-4,
        7.588_002_556_582_502e-4,
        1.554_557_843_011_069e-3,
        2.971_180_485_917_624e-3,
    ];
    for (degrees, expected) in (1..).zip(at_25) {
        close(chi_square_tail(25.0, degrees), expected);
    }
    close(chi_square_tail(4.0, 9), 0.911_412_526_831_679_2);
    close(chi_square_tail(0.5, 4), 0.973_500_978_839_256_1);
    for (x, expected) in [
        (0.0, 1.0),
        (0.1, 0.887_537_083_981_715_2),
        (1.0, 0.157_299_207_050_285_16),
        (2.4, 6.885_138_966_450_789e-4),
        (2.6, 2.360_344_165_293_49e-4),
        (5.0, 1.537_459_794_428_034_7e-12),
        (10.0, 2.088_487_583_762_544_6e-45),
    ] {
        let found = erfc(x);
        assert!((found / expected - 1.0).abs() < 1e-11, "{x}: {found}");
    }
    close(critical_value(0.05), 1.959_963_984_540_054);
}

proptest! {
    #[test]
    fn an_interval_holds_its_estimate_and_stays_in_range(
        (s, n) in (0..5000_u64, 1..5000_u64),
        (t, m) in (0..5000_u64, 1..5000_u64),
    ) {
        let (one, other) = (of(s, n), of(t, m));
        let interval = one.interval().unwrap();
        prop_assert!(0.0 <= interval.low && interval.low <= interval.value);
        prop_assert!(interval.value <= interval.high && interval.high <= 1.0);
        let found = difference(one, other).unwrap();
        prop_assert!(found.low <= found.value && found.value <= found.high);
        prop_assert!(-1.0 - 1e-9 <= found.low && found.high <= 1.0 + 1e-9);
        let reverse = difference(other, one).unwrap();
        prop_assert!((found.low + reverse.high).abs() < 1e-12);
        if let Some(p) = p_value(one, other) {
            prop_assert!((0.0..=1.0).contains(&p));
        }
    }
}
