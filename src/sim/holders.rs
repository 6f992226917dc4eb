//! Which dies hold which experts of a layer. Apart, because planning asks this for every token-expert pair: a set of bits
//! for each expert answers at once and lists its dies in order.

use crate::model::Placed;

/// The dies that hold each expert of one layer: those where it was placed and those with a replica that was made since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    words: usize,
    bits: Vec<u64>,
}

impl Holders {
    /// Those that a placement gives the experts to.
    #[must_use]
    pub fn new(placed: &Placed) -> Self {
        let words = placed.slots().len().div_ceil(64);
        let mut holders = Self { words, bits: vec![0; placed.home().len() * words] };
        for (die, experts) in placed.slots().iter().enumerate() {
            experts.iter().for_each(|&expert| holders.add(expert, die));
        }
        holders
    }

    /// A die gets an expert.
    pub fn add(&mut self, expert: usize, die: usize) {
        self.bits[expert * self.words + die / 64] |= 1 << (die % 64);
    }

    /// Whether a die holds an expert.
    #[must_use]
    pub fn has(&self, expert: usize, die: usize) -> bool {
        self.bits[expert * self.words + die / 64] >> (die % 64) & 1 == 1
    }

    /// The dies that hold an expert, by id.
    pub fn of(&self, expert: usize) -> impl Iterator<Item = usize> {
        self.bits[expert * self.words..][..self.words].iter().enumerate().flat_map(|(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let die = (left != 0).then(|| word * 64 + left.trailing_zeros() as usize);
                left &= left.wrapping_sub(1);
                die
            })
        })
    }
}
