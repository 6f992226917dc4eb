//! What a trace may hold at most. One place, because every reader, every data set and every summary file must agree on it: what
//! one of them lets through, the next would have to refuse. Far above every published model, and low enough that tables and
//! sums of them are bounded.

/// Experts of a layer (E): 16 times the largest published.
pub const MAX_EXPERTS: u64 = 6144;

/// MoE layers of a model.
pub const MAX_LAYERS: usize = 1024;

/// Ids of layers are below this: a layer and an expert of it are one number of 32 bits.
pub const LAYER_IDS: u64 = 1 << 16;

/// Experts of a token (K).
pub const MAX_TOP_K: usize = 64;

/// Tokens of a request.
pub const MAX_TOKENS: usize = 1 << 28;

/// Sum of all counts that come without tokens: a thousand times it still fits into 64 bits, as checksums need.
pub const MAX_COUNT: u64 = 1 << 52;

/// Bytes of the tables of transitions and pairs: half of what a worker in a browser can have.
pub const MAX_TABLES: u64 = 2 << 30;

/// Ids that may stand for unknown routing without a byte in the file: where layers or rows are missing, a few bytes could ask
/// for as many ids as there are layers.
const FREE_IDS: u64 = 32 << 20;

/// Bytes that a run holds of its batch: the token of each slot in each step, and the counts. A worker in a browser has room for two.
pub const MAX_BATCH_BYTES: u64 = 512 << 20;

/// Devices of a layer that a run simulates, over all steps, layers and strategies: hours on one core, on a wafer of any size.
pub const MAX_RUN_LAYERS: u64 = 1 << 30;

/// Whether columns of so many ids may come of a file of so many bytes.
#[must_use]
pub fn may_hold(layers: usize, tokens: usize, top_k: usize, bytes: u64) -> bool {
    let ids = (layers as u64).saturating_mul(tokens as u64).saturating_mul(top_k as u64);
    ids <= FREE_IDS.saturating_add(bytes)
}

/// Bytes of the tables of a model with so many layers, experts and experts a token: transitions of both kinds, phases and
/// halves, and pairs, four bytes a cell.
#[must_use]
pub fn table_bytes(layers: usize, experts: usize, top_k: usize) -> u64 {
    let n = experts as u64;
    let pairs = if top_k > 1 { n * n.saturating_sub(1) / 2 } else { 0 };
    (layers as u64).saturating_mul(4 * (8 * n * n + pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_models_fit_and_a_stray_id_does_not() {
        // Kimi K2, and a model of 1024 experts that nobody has published.
        assert!(table_bytes(60, 384, 8) < MAX_TABLES / 4);
        assert!(table_bytes(60, 1024, 8) < MAX_TABLES);
        assert!(table_bytes(64, 6144, 1) > MAX_TABLES);
    }
}
