//! Rows of expert ids to a request, for the formats whose files do not come step by step. Apart from the paper scanner, which does
//! the same while it streams and knows of steps. What the rows look like is judged by `sound` before they become a request.

use super::reader::About;
pub(super) use super::sound::Rows;
use super::tensor::{Kind, Tensor};
use super::{Issues, Place, Problem, sound};
use crate::model::{LAYER_IDS, MAX_LAYERS, MAX_TOKENS, MAX_TOP_K, Marks, Request, UNKNOWN, may_hold};
use crate::units::small;

/// Whether a shape is one that traces have.
pub(super) fn bounded(tokens: usize, layers: usize, top_k: usize) -> Result<(), Problem> {
    let all = [("tokens", tokens, MAX_TOKENS), ("layers", layers, MAX_LAYERS), ("experts a token", top_k, MAX_TOP_K)];
    match all.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(Problem::Limit { what: format!("{found} {what}"), limit: limit as u64 }),
        None => Ok(()),
    }
}

/// Where the prompt of some rows ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// The recording does not say.
    Unmarked,
    /// Behind so many rows.
    At(usize),
}

impl Rows {
    /// Of an array `[tokens, layers, k]`.
    pub(super) fn of(tensor: &Tensor, about: &About) -> Result<Self, Problem> {
        let &[tokens, layers, width] = &tensor.shape[..] else {
            return Err(Problem::Unreadable {
                why: format!("the array has shape {:?}, not [tokens, layers, k]", tensor.shape),
            });
        };
        bounded(tokens, layers, width)?;
        let first = first_layer(layers, about);
        // A layer at a time: all of them at once would be held twice.
        let by_layer = tensor.permuted(&[1, 0, 2]);
        let columns = (0..layers).filter_map(|layer| by_layer.part(layer)).map(|layer| layer.ids());
        let layers = (first..).zip(columns.filter(|ids| !ids.is_empty())).collect();
        let narrow = matches!(tensor.kind, Kind::U8 | Kind::I8);
        Ok(Self { width, layers, narrow, ..Self::default() })
    }

    /// Appends the rows of a later part.
    pub(super) fn append(&mut self, more: Self) -> Result<(), Problem> {
        if self.layers.values().all(Vec::is_empty) {
            *self = more;
            return Ok(());
        }
        let same = self.width == more.width && self.layers.keys().eq(more.layers.keys());
        if !same && !more.layers.values().all(Vec::is_empty) {
            let shape = |r: &Self| format!("{} layers of {} ids", r.layers.len(), r.width);
            let why = format!("its parts have other shapes: {}, then {}", shape(self), shape(&more));
            return Err(Problem::NotATrace { why });
        }
        self.layers.iter_mut().for_each(|(id, ids)| ids.extend(more.layers.get(id).into_iter().flatten()));
        self.narrow |= more.narrow;
        Ok(())
    }

    /// Adds the next token's row to a layer; the first row of all decides K.
    pub(super) fn push(&mut self, layer: u64, row: &[u16], offset: Option<u64>, issues: &mut Issues) {
        let id = u32::try_from(layer).ok();
        let column = id.and_then(|l| self.layers.get(&l));
        let width = if self.width == 0 { row.len() } else { self.width };
        let token = column.map_or(0, Vec::len) / width.max(1);
        let layers = self.layers.len() + usize::from(column.is_none());
        let wrong = if layer >= LAYER_IDS {
            Some(Problem::Limit { what: format!("layer id {layer}"), limit: LAYER_IDS - 1 })
        } else {
            bounded(token + 1, layers, width).err()
        };
        if let Some(problem) = wrong {
            return issues.push(Place { step: None, layer: id, token: Some(small(token)), offset }, problem);
        }
        let Some(id) = id else { return };
        self.width = width;
        let column = self.layers.entry(id).or_default();
        if row.len() == width {
            column.extend_from_slice(row);
            return;
        }
        column.extend(std::iter::repeat_n(UNKNOWN, width));
        let place = Place { step: None, layer: Some(id), token: Some(small(token)), offset };
        issues.push(place, Problem::RowWidth { expected: width, found: row.len() });
    }

    /// The request, once it was judged; layers with too few rows are filled up with unknown ones.
    pub(super) fn finish(mut self, about: &About, split: Split, issues: &mut Issues) -> Option<Request> {
        let width = self.width.max(1);
        let most = self.tokens();
        // One long layer beside a thousand short ones would ask for a thousand times what is in the file.
        let held: usize = self.layers.values().map(Vec::len).sum();
        if !may_hold(self.layers.len(), most, width, (held * 2) as u64) {
            let what = format!("rows that are missing in {} layers", self.layers.len());
            issues.push(Place::default(), Problem::Limit { what, limit: (held / width * 2) as u64 });
            return None;
        }
        for (&layer, column) in &mut self.layers {
            let found = column.len() / width;
            if found < most {
                issues.push(
                    Place { layer: Some(layer), ..Place::default() },
                    Problem::RowCount { expected: most, found },
                );
                column.resize(most * width, UNKNOWN);
            }
        }
        let Some(cut) = sound::judge(&mut self, about, issues) else {
            if issues.is_empty() || most == 0 {
                issues.push(Place::default(), Problem::Empty);
            }
            return None;
        };
        let tokens = self.tokens();
        let (marks, prefill) = match split {
            Split::Unmarked => (Marks::None, 0),
            Split::At(n) => (Marks::Given, n.saturating_sub(cut).min(tokens)),
        };
        let (layers, columns) = self.layers.into_iter().unzip();
        let (index, labels, top_k, experts) = (about.index, about.labels.clone(), self.width, self.experts);
        Some(Request { index, sub: 0, labels, top_k, experts, marks, prefill, tokens, layers, columns })
    }
}

/// The id of the first of so many layers, if the reader tells that those of a recording are the MoE layers alone.
pub(super) fn first_layer(layers: usize, about: &About) -> u32 {
    let told = &about.told;
    let alone = told.dense > 0 && told.layers.is_some_and(|all| layers + told.dense == all);
    if alone { small(told.dense) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::{Ids, Told};
    use super::*;
    use crate::model::Request;

    /// What becomes of an array, and what is said.
    fn read(ids: &[i64], shape: [usize; 3], told: Told) -> (Option<Request>, String) {
        let about = About { experts: told.experts, told, ..About::default() };
        let mut issues = Issues::default();
        let rows = Rows::of(&Tensor::of(ids, &shape), &about).unwrap();
        let request = rows.finish(&about, Split::At(2), &mut issues);
        let said: Vec<String> = issues.finish("x", "y").iter().map(ToString::to_string).collect();
        (request, said.join("\n"))
    }

    /// Ids `[tokens][2 layers][width]` that look chosen.
    fn chosen(tokens: i64, width: i64) -> Vec<i64> {
        (0..tokens * 2).flat_map(|row| (0..width).map(move |k| (row * 5 + k * 3) % 16)).collect()
    }

    #[test]
    fn a_layer_of_one_id_is_left_out_and_named() {
        let ids: Vec<i64> = chosen(4, 2).chunks(4).flat_map(|t| [&[7, 7], t].concat()).collect();
        let (request, said) = read(&ids, [4, 3, 2], Told::default());
        assert_eq!(request.unwrap().layers, [1, 2]);
        assert!(said.contains("layer 0: each token lists one id again"), "{said}");
    }

    #[test]
    fn a_prompt_that_was_not_recorded_and_padding_are_cut_off() {
        let zeros = vec![0; 3 * 4];
        let padding = vec![255; 2 * 4];
        let ids = [zeros, chosen(5, 2), padding].concat();
        let (request, said) = read(&ids, [10, 2, 2], Told::default());
        let request = request.unwrap();
        assert_eq!((request.tokens, request.prefill), (5, 0), "the prompt's two tokens are among those cut off");
        assert!(said.contains("the first 3 tokens") && said.contains("2 tokens hold nothing but 255"), "{said}");
    }

    #[test]
    fn a_shared_expert_is_taken_out_unless_it_is_to_be_kept() {
        let ids: Vec<i64> = chosen(10, 2).chunks(2).flat_map(|row| [row[0], row[1], 16]).collect();
        let (request, said) = read(&ids, [10, 2, 3], Told::default());
        let request = request.unwrap();
        assert_eq!((request.top_k, request.max_id()), (2, Some(15)));
        assert!(said.contains("expert 16 is listed by every token") && said.contains("--keep-shared"), "{said}");
        let (kept, said) = read(&ids, [10, 2, 3], Told { keep_shared: true, ..Told::default() });
        assert_eq!((kept.unwrap().top_k, said.as_str()), (3, ""));
        let (kept, _) = read(&ids, [10, 2, 3], Told { top_k: Some(3), ..Told::default() });
        assert_eq!(kept.unwrap().top_k, 3, "the reader says that three are routed");
    }

    #[test]
    fn columns_of_nothing_are_no_experts() {
        let ids: Vec<i64> = chosen(4, 2).chunks(2).flat_map(|row| [row[0], row[1], -1, -1]).collect();
        let (request, said) = read(&ids, [4, 2, 4], Told::default());
        assert_eq!(request.unwrap().top_k, 2);
        assert!(said.contains("2 of 4 columns hold nothing but -1"), "{said}");
    }

    #[test]
    fn slots_are_said_to_be_slots_and_the_reader_decides() {
        let of = |ids| Told { experts: Some(8), ids, ..Told::default() };
        let (request, said) = read(&chosen(8, 2), [8, 2, 2], of(None));
        assert_eq!(request.unwrap().experts, 16);
        assert!(said.contains("physical slots (ids up to 15, and the model has 8 experts)"), "{said}");
        let (request, said) = read(&chosen(8, 2), [8, 2, 2], of(Some(Ids::Logical)));
        assert!(request.unwrap().max_id().unwrap() < 8 && said.contains("is not below 8"), "{said}");
    }

    #[test]
    fn wrapped_ids_are_said() {
        let ids: Vec<i64> = (0..40).flat_map(|row: i64| [row * 37 % 256, row * 91 % 256, row * 37 % 256]).collect();
        let (request, said) = read(&ids, [20, 2, 3], Told::default());
        assert!(request.is_none() && said.contains("those of 256 and more were wrapped"), "{said}");
    }
}
