//! Which dies hold which experts of a layer. Apart, because planning asks this for every token-expert pair: a set of bits
//! for each expert answers at once and lists its dies in order.

/// The dies that hold each expert of one layer: its home and those with a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    words: usize,
    bits: Vec<u64>,
}

impl Holders {
    /// Every expert at its home.
    #[must_use]
    pub fn at_home(home: &[usize], dies: usize) -> Self {
        let words = dies.div_ceil(64);
        let mut holders = Self { words, bits: vec![0; home.len() * words] };
        home.iter().enumerate().for_each(|(expert, &die)| holders.add(expert, die));
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
