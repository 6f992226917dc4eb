//! Where experts live. Apart from `sim`, which takes a placement as data: the same placements will be exported to servers.

/// Expert e on die e mod D.
#[must_use]
pub fn round_robin(experts: usize, dies: usize) -> Vec<usize> {
    (0..experts).map(|e| e % dies).collect()
}

/// Contiguous blocks: expert e on die floor(e·D/E).
#[must_use]
pub fn contiguous(experts: usize, dies: usize) -> Vec<usize> {
    (0..experts).map(|e| e * dies / experts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_use_every_die() {
        assert_eq!(round_robin(5, 2), [0, 1, 0, 1, 0]);
        assert_eq!(contiguous(5, 2), [0, 0, 0, 1, 1]);
    }
}
