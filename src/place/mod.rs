//! Where experts live. Apart from `sim`, which takes a placement as data: the same placements will be exported to servers.

/// Expert e on the die at position e mod D of those that work.
#[must_use]
pub fn round_robin(experts: usize, live: &[usize]) -> Vec<usize> {
    (0..experts).map(|e| live[e % live.len()]).collect()
}

/// Contiguous blocks: expert e on the die at position floor(e·D/E) of those that work.
#[must_use]
pub fn contiguous(experts: usize, live: &[usize]) -> Vec<usize> {
    (0..experts).map(|e| live[e * live.len() / experts]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_use_every_die() {
        assert_eq!(round_robin(5, &[0, 1]), [0, 1, 0, 1, 0]);
        assert_eq!(contiguous(5, &[0, 1]), [0, 0, 0, 1, 1]);
        assert_eq!(round_robin(5, &[1, 3]), [1, 3, 1, 3, 1]);
    }
}
