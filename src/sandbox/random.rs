//! `Randomness`: where the sandbox's ids and tokens come from, the same in every run if wanted.

/// A source of random numbers, from the system or from a seed.
#[derive(Debug)]
pub(super) struct Randomness(Option<u64>);

impl Randomness {
    /// With a seed, the numbers are the same in every run.
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u128 {
        match &mut self.0 {
            None => uuid::Uuid::new_v4().as_u128(),
            Some(state) => u128::from(split_mix(state)) << 64 | u128::from(split_mix(state)),
        }
    }
}

/// SplitMix64: small, and good enough for numbers that protect nothing.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again_and_no_number_twice() {
        let numbers = |seed| {
            let mut random = Randomness::new(seed);
            std::array::from_fn::<u128, 3, _>(|_| random.next())
        };
        assert_eq!(numbers(Some(7)), numbers(Some(7)));
        assert_ne!(numbers(Some(7)), numbers(Some(8)));
        let [first, second, third] = numbers(Some(7));
        assert!(first != second && second != third);
        assert_ne!(numbers(None), numbers(None));
    }
}
