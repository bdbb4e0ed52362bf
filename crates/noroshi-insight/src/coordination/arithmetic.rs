//! Numbers: places in lists without a panic, a hash that is the same everywhere, and the tails of the Poisson law.

/// A number as a place in a list. Places beyond the machine's reach do not exist in a list either.
pub(crate) fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A place in a list as a number; lists of this module end below 2^32.
pub(crate) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// What stands at a place, or the empty value where the list is shorter.
pub(crate) fn at<T: Copy + Default>(list: &[T], place: usize) -> T {
    list.get(place).copied().unwrap_or_default()
}

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// A length as a real number.
pub(crate) fn length(places: usize) -> f64 {
    real(places as u64)
}

/// Mixes 64 bits so that each depends on all (the finaliser of `SplitMix64`, Steele et al. 2014).
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A sequence of numbers that follows from its seed alone.
#[derive(Debug, Clone)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Evenly from `0..below` (multiply and shift; the bias is below 2^-32 for what is drawn here).
    pub(crate) fn below(&mut self, below: u32) -> u32 {
        let product = (self.next() >> 32).wrapping_mul(u64::from(below));
        u32::try_from(product >> 32).unwrap_or(0)
    }

    /// Evenly from the open interval between 0 and 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (real(self.next() >> 12) + 0.5) / 4_503_599_627_370_496.0
    }

    /// Puts a list into an order drawn evenly (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let other = place(self.below(number(end + 1)));
            list.swap(end, other);
        }
    }
}

/// The natural logarithm of n! by Stirling's series; the error is below 1e-10 from 0 on.
pub(crate) fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return (2..=n).map(|factor| real(factor).ln()).sum();
    }
    let x = real(n) + 1.0;
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    (x - 0.5) * x.ln() - x
        + 0.5 * (2.0 * core::f64::consts::PI).ln()
        + inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1260.0))
}

/// ln P(X ≥ k) for X of a Poisson law with the given mean. Exact to a relative 1e-9 of the probability, also where the
/// probability itself is too small for a floating point number. A mean that is no positive number says nothing: a model that
/// holds what happened to be impossible is no model of it, and accuses nobody.
pub(crate) fn ln_poisson_tail(mean: f64, k: u32) -> f64 {
    if k == 0 || !(mean > 0.0 && mean.is_finite()) {
        return 0.0;
    }
    let first = f64::from(k) * mean.ln() - mean - ln_factorial(u64::from(k));
    if f64::from(k) > mean {
        return (first + upper_series(mean, k).ln()).min(0.0);
    }
    // Below the mean the complement is the smaller half: P(X ≥ k) = 1 − P(X < k).
    let below = (first + lower_series(mean, k).ln()).exp();
    (-below.min(1.0 - f64::EPSILON)).ln_1p()
}

/// Σ over i ≥ k of the terms relative to the term at k; falls geometrically for k above the mean.
fn upper_series(mean: f64, k: u32) -> f64 {
    let (mut sum, mut term, mut next) = (1.0, 1.0, f64::from(k) + 1.0);
    while term > sum * 1e-12 {
        term *= mean / next;
        sum += term;
        next += 1.0;
    }
    sum
}

/// Σ over i < k of the terms relative to the term at k.
fn lower_series(mean: f64, k: u32) -> f64 {
    let (mut sum, mut term, mut factor) = (0.0, 1.0, f64::from(k));
    while factor >= 1.0 {
        term *= factor / mean;
        sum += term;
        if term < sum * 1e-12 {
            break;
        }
        factor -= 1.0;
    }
    sum
}

/// ln P(S ≥ sum) for S the sum of k exponential variables of mean 1 (the law of Erlang; Fisher's combination of k
/// probabilities is P(S ≥ −Σ ln p)).
pub(crate) fn ln_erlang_tail(k: u32, sum: f64) -> f64 {
    if k == 0 || !(sum > 0.0 && sum.is_finite()) {
        return 0.0;
    }
    // P(S ≥ s) = P(X < k) for X of the Poisson law of mean s.
    if sum <= f64::from(k) {
        let above = ln_poisson_tail(sum, k).exp();
        return (-above.min(1.0 - f64::EPSILON)).ln_1p();
    }
    let first = f64::from(k) * sum.ln() - sum - ln_factorial(u64::from(k));
    (first + lower_series(sum, k).ln()).min(0.0)
}

/// A probability of its natural logarithm. What is too small for a floating point number is the smallest one and not 0:
/// nothing that happened had no chance.
pub(crate) fn probability(ln_p: f64) -> f64 {
    ln_p.exp().clamp(f64::MIN_POSITIVE, 1.0)
}

/// Benjamini and Hochberg 1995: the q-value of each probability among `hypotheses` tested ones, of which those not given
/// had probability 1. Natural logarithms in and out, in the order given.
pub(crate) fn ln_q_values(ln_p: &[f64], hypotheses: f64) -> Vec<f64> {
    let rule = StepUp::of(ln_p.to_vec(), hypotheses);
    ln_p.iter().map(|&one| rule.ln_q(one)).collect()
}

/// The step-up rule over some probabilities. All are natural logarithms.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepUp {
    hypotheses: f64,
    /// Sorted.
    p: Vec<f64>,
    q: Vec<f64>,
}

impl StepUp {
    pub(crate) fn of(mut ln_p: Vec<f64>, hypotheses: f64) -> Self {
        let ln_hypotheses = hypotheses.max(1.0).ln();
        ln_p.sort_unstable_by(f64::total_cmp);
        let mut ln_q = vec![0.0; ln_p.len()];
        let mut least = 0.0_f64;
        for (rank, (slot, ln_p)) in ln_q.iter_mut().zip(&ln_p).enumerate().rev() {
            least = least.min(ln_p + ln_hypotheses - (length(rank) + 1.0).ln());
            *slot = least;
        }
        Self { hypotheses: ln_hypotheses, p: ln_p, q: ln_q }
    }

    /// The rate of false discovery at which a probability is accepted.
    pub(crate) fn ln_q(&self, ln_p: f64) -> f64 {
        let until = self.p.partition_point(|one| *one <= ln_p);
        if let Some(last) = until.checked_sub(1)
            && at(&self.p, last).total_cmp(&ln_p).is_eq()
        {
            return at(&self.q, last);
        }
        let above = self.q.get(until).copied().unwrap_or(0.0);
        let own = ln_p + self.hypotheses - length(until.max(1)).ln();
        above.min(own).min(0.0)
    }

    /// Where acceptance ends at a rate: rate x accepted / hypotheses. The least likely accepted one may lie far below it.
    pub(crate) fn ln_cut(&self, ln_rate: f64) -> f64 {
        let accepted = self.q.partition_point(|one| *one <= ln_rate);
        ln_rate + length(accepted).ln() - self.hypotheses
    }
}

/// One probability out of several that need not be independent (Liu and Xie 2020, the Cauchy combination). Pairs of
/// weight and natural logarithm of a probability; the answer is the natural logarithm of the combined one.
pub(crate) fn ln_cauchy(parts: &[(f64, f64)]) -> f64 {
    if let [(_, only)] = parts {
        return *only;
    }
    debug_assert!(parts.iter().all(|part| part.1.is_finite()), "{parts:?}");
    let weights: f64 = parts.iter().map(|part| part.0).sum();
    if weights <= 0.0 {
        return 0.0;
    }
    // For p below 1e-15 tan((1/2 − p)π) is 1/(pπ) to the last digit; in logarithms it cannot overflow.
    let smallest = parts.iter().map(|part| part.1).fold(0.0_f64, f64::min);
    if smallest < -34.0 {
        let scaled: f64 = parts.iter().map(|(weight, ln_p)| weight * (smallest - ln_p).exp()).sum();
        return (smallest - (scaled / weights).ln()).min(0.0);
    }
    let statistic: f64 = parts
        .iter()
        .map(|(weight, ln_p)| {
            let p = ln_p.exp().min(1.0 - 1e-12);
            // tan((1/2 − p)π) = 1/tan(pπ), which keeps its digits for small p.
            weight / (p * core::f64::consts::PI).tan()
        })
        .sum::<f64>()
        / weights;
    // arctan of the inverse keeps its digits where 1/2 − arctan(T)/π would lose them.
    let p = if statistic > 0.0 {
        (1.0 / statistic).atan() / core::f64::consts::PI
    } else {
        0.5 - statistic.atan() / core::f64::consts::PI
    };
    p.max(f64::MIN_POSITIVE).ln().min(0.0)
}

/// Two-sided sign test: the probability of a split at least as uneven as `(ahead, behind)` if either were as likely.
pub(crate) fn sign_test(ahead: u32, behind: u32) -> f64 {
    let n = u64::from(ahead) + u64::from(behind);
    let most = u64::from(ahead.max(behind));
    let ln_term = |i: u64| {
        ln_factorial(n) - ln_factorial(i) - ln_factorial(n - i) - real(n) * core::f64::consts::LN_2
    };
    // Terms fall from the middle outwards, so that the sum may stop where they no longer count.
    let (mut sum, mut i) = (0.0, most);
    while i <= n {
        let term = ln_term(i).exp();
        sum += term;
        if term < sum * 1e-12 {
            break;
        }
        i += 1;
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() <= 1e-8 * right.abs().max(1e-8), "{left} is not {right}");
    }

    #[test]
    fn tails_of_the_poisson_law_are_those_of_its_sum() {
        for mean in [1e-6, 0.0156, 0.7, 3.0, 40.0] {
            for k in [0, 1, 2, 3, 7, 20, 45] {
                let below: f64 = (0..k)
                    .map(|i: u32| {
                        (f64::from(i) * f64::ln(mean) - mean - ln_factorial(i.into())).exp()
                    })
                    .sum();
                let tail = ln_poisson_tail(mean, k).exp();
                assert!((tail - (1.0 - below)).abs() < 1e-9, "{mean} {k}: {tail}");
            }
        }
        // The example of the method: 51 joint shares where 0.0156 were expected; far below what a double can hold as 1 − x.
        close(
            ln_poisson_tail(0.0156, 51),
            51.0 * 0.0156_f64.ln() - 0.0156 - ln_factorial(51) + f64::ln(1.0 + 0.0156 / 52.0),
        );
        close(ln_poisson_tail(1e-3, 1), f64::ln(-f64::exp_m1(-1e-3)));
    }

    #[test]
    fn erlangs_tail_is_its_sum_and_fishers_combination() {
        for k in [1_u32, 2, 3, 7, 30] {
            for sum in [1e-3, 0.5, 2.9, 7.0, 13.5, 60.0] {
                let below = (0..k)
                    .map(|i| (f64::from(i) * f64::ln(sum) - sum - ln_factorial(i.into())).exp());
                let tail = ln_erlang_tail(k, sum).exp();
                assert!((tail - below.sum::<f64>()).abs() < 1e-9, "{k} {sum}: {tail}");
            }
        }
        close(ln_erlang_tail(1, 900.0), -900.0);
        // Fisher: three probabilities of 0.01 make 27.6 on six degrees of freedom, p = 1.1e-4.
        assert!((ln_erlang_tail(3, -3.0 * 0.01_f64.ln()).exp() - 1.1e-4).abs() < 1e-5);
        assert!(ln_erlang_tail(3, 0.0).abs() < f64::EPSILON);
        assert!(ln_erlang_tail(5_000, 20_000.0).is_finite());
    }

    #[test]
    fn a_mean_that_cannot_be_says_nothing() {
        for mean in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ln_poisson_tail(mean, 3).abs() < f64::EPSILON, "{mean}");
        }
        let little = ln_poisson_tail(f64::MIN_POSITIVE, 3);
        assert!(little.is_finite() && little < -2_000.0);
        assert!(probability(little) > 0.0);
    }

    #[test]
    fn factorials_join_where_the_series_begins() {
        let product: f64 = (2..=20_u32).map(|i| f64::from(i).ln()).sum();
        close(ln_factorial(20), product);
        close(ln_factorial(16), (2..=16_u32).map(|i| f64::from(i).ln()).sum());
    }

    #[test]
    fn q_values_are_those_of_the_paper() {
        // Benjamini and Hochberg 1995, section 3: fifteen probabilities, of which four are rejected at 0.05.
        let p: [f64; 15] = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let logs: Vec<f64> = p.iter().map(|p| p.ln()).collect();
        let q = ln_q_values(&logs, 15.0);
        assert_eq!(q.iter().filter(|q| q.exp() <= 0.05).count(), 4);
        // What was tested and not given counts.
        assert_eq!(ln_q_values(&logs, 400.0).iter().filter(|q| q.exp() <= 0.05).count(), 1);
    }

    #[test]
    fn combining_one_probability_or_equal_ones_changes_nothing() {
        for ln_p in [-0.1, -3.0, -30.0, -300.0] {
            close(ln_cauchy(&[(1.0, ln_p)]), ln_p);
            close(ln_cauchy(&[(1.0, ln_p), (0.3, ln_p)]), ln_p);
        }
        // One strong witness beside a silent one loses by the number of witnesses, not more.
        close(ln_cauchy(&[(1.0, -50.0), (1.0, -0.5)]), -50.0 + 2.0_f64.ln());
    }

    #[test]
    fn the_sign_test_is_the_binomial_one() {
        close(sign_test(5, 0), 2.0 / 32.0);
        close(sign_test(4, 1), 12.0 / 32.0);
        close(sign_test(3, 3), 1.0);
    }

    #[test]
    fn draws_are_even() {
        let mut draws = Draws::new(5);
        let mut seen = [0_u32; 7];
        for _ in 0..70_000 {
            seen[place(draws.below(7))] += 1;
        }
        assert!(seen.iter().all(|&n| (9_500..10_500).contains(&n)), "{seen:?}");
    }
}
