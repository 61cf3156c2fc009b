//! What happens next? A seed or a recorded list decides. Choice 0 always means that nothing goes wrong.

/// A source of choices that records them.
#[derive(Debug, Default)]
pub struct Choices {
    state: Option<u64>,
    made: Vec<usize>,
    at: usize,
}

impl Choices {
    /// Choices from a seed.
    pub fn of_seed(seed: u64) -> Self {
        Self { state: Some(seed), ..Self::default() }
    }

    /// These choices, followed by zeros.
    pub fn replay(made: Vec<usize>) -> Self {
        Self { made, ..Self::default() }
    }

    /// Picks an index by these weights.
    pub fn pick(&mut self, weights: &[u32]) -> usize {
        let chosen = match &mut self.state {
            Some(state) => weighted(weights, splitmix(state)),
            None => {
                self.made.get(self.at).copied().filter(|chosen| *chosen < weights.len()).unwrap_or_default()
            }
        };
        if self.state.is_some() {
            self.made.push(chosen);
        }
        self.at += 1;
        chosen
    }

    /// Picks an index below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.pick(&vec![1; count])
    }

    /// The choices so far, without trailing zeros.
    pub fn into_made(mut self) -> Vec<usize> {
        self.made.truncate(self.at);
        while self.made.last() == Some(&0) {
            self.made.pop();
        }
        self.made
    }
}

fn weighted(weights: &[u32], random: u64) -> usize {
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let mut rest = random % total.max(1);
    for (index, weight) in weights.iter().enumerate() {
        match rest.checked_sub(u64::from(*weight)) {
            Some(less) => rest = less,
            None => return index,
        }
    }
    0
}

/// Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The shortest choices that still fail, as far as removing choices and setting them to 0 can find them.
pub fn shrink(mut made: Vec<usize>, fails: impl Fn(&[usize]) -> bool) -> Vec<usize> {
    let mut size = made.len().div_ceil(2).max(1);
    loop {
        let mut changed = false;
        let mut at = 0;
        while at < made.len() {
            let end = (at + size).min(made.len());
            let mut without = made.clone();
            without.drain(at..end);
            let mut zeroed = made.clone();
            zeroed[at..end].fill(0);
            if fails(&without) {
                (made, changed) = (without, true);
            } else if zeroed != made && fails(&zeroed) {
                (made, changed) = (zeroed, true);
                at = end;
            } else {
                at = end;
            }
        }
        if size > 1 {
            size = size.div_ceil(2);
        } else if !changed {
            return made;
        }
    }
}
