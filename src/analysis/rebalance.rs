//! When to rebalance: what the experts of the decode have to do, by how far a request has come, on a placement that was made on
//! its prompts. Apart from the analyses of a trace: it needs a placement, which rooms above this one make.

use serde::{Deserialize, Serialize};

use super::figure::{Data, Dots, Figure, Format, Heads, Items, Level, Measure, Series};
use super::observations::mean;
use super::{spearman, spearman_brown};
use crate::model::{Phase, Placed, Replicas, Request};
use crate::units::percent;

/// Parts of a request's decode tokens: token t of n is in part floor(5 t / n).
pub const FIFTHS: usize = 5;

/// A placement is worth making again if its fullest device then has at least this share less to do: less than 5% drowns in what
/// changes from batch to batch, and copying experts costs time too.
pub const WORTH: f64 = 0.05;

const NAMES: [&str; FIFTHS] = ["first", "second", "third", "fourth", "last"];

/// The rule of a placement: where the experts of each layer go for these loads, `[layer][expert]`.
pub type Remake<'a> = &'a dyn Fn(&[Vec<u64>]) -> Replicas;

/// Loads of some layers by position in the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    prefill: Part,
    fifths: [Part; FIFTHS],
}

/// Uses of each expert in one part of all requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// `[layer][expert]`.
    all: Vec<Vec<u64>>,
    /// Of these the requests of odd position.
    odd: Vec<Vec<u64>>,
}

/// What one layer, or the mean of the layers that have data, comes to in one part of the requests. None: no data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Spearman's rho of the loads to those of the prompts; none of the prompts to themselves.
    pub rho: Option<f64>,
    /// The most that the noise between requests allows of it: the square root of the product of both split halves, each corrected
    /// to all requests (Spearman-Brown).
    pub ceiling: Option<f64>,
    /// Largest over mean load of the devices on the placement that is judged, each copy of an expert an even share of its tokens.
    pub max_over_mean: Option<f64>,
    /// The same on the placement made again on the fifth before; none for the prompts and the first fifth.
    pub remade: Option<f64>,
    /// No arrangement of the same copies has less: the largest share of a copy over the mean load, and at least 1.
    pub bound: Option<f64>,
}

/// A part of all requests: the prompts, or a fifth of the decode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Uses of experts in all layers.
    pub uses: u64,
    /// Mean over the layers that have data.
    pub mean: Scores,
    /// By layer.
    pub by_layer: Vec<Scores>,
}

/// How long a placement made on the prompts holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rebalance {
    /// The prompts themselves.
    pub prompts: Position,
    /// The decode, from its first fifth to its last.
    pub fifths: Vec<Position>,
    /// Position in `fifths` of the first that making the placement again would have helped by [`WORTH`]; so many have passed by
    /// then. None if none would.
    pub first_worth: Option<usize>,
    /// The share that the fullest device would have less in each fifth, mean over layers; none in the first, and without data.
    pub gains: Vec<Option<f64>>,
    /// All of it in a sentence.
    pub reading: String,
}

impl Positions {
    /// Counts the requests that a placement is judged on, in these layers.
    #[must_use]
    pub fn of<'a>(requests: impl IntoIterator<Item = &'a Request>, layers: &[u32], experts: usize) -> Self {
        let none = vec![vec![0; experts]; layers.len()];
        let part = Part { all: none.clone(), odd: none };
        let mut out = Self { prefill: part.clone(), fifths: std::array::from_fn(|_| part.clone()) };
        for request in requests {
            let decode = request.decode() as u64;
            for (at, id) in layers.iter().enumerate() {
                let Ok(position) = request.layers.binary_search(id) else { continue };
                for row in request.rows(position, request.span(Phase::Prefill)) {
                    out.prefill.add(at, row, request.is_odd());
                }
                for (token, row) in (0u64..).zip(request.rows(position, request.span(Phase::Decode))) {
                    let fifth = crate::units::index(token * FIFTHS as u64 / decode.max(1));
                    out.fifths[fifth.min(FIFTHS - 1)].add(at, row, request.is_odd());
                }
            }
        }
        out
    }

    /// Tokens of each expert in the prompts, `[layer][expert]`: what to make the placement from.
    #[must_use]
    pub fn prefill(&self) -> &[Vec<u64>] {
        &self.prefill.all
    }

    /// Tokens of each expert in a fifth of the decode.
    #[must_use]
    pub fn fifth(&self, at: usize) -> &[Vec<u64>] {
        self.fifths.get(at).map_or(&[], |part| &part.all)
    }

    /// Judges a placement on so many working devices. `remake` makes one from other loads by the same rule; without it (a search,
    /// the reader's file) a fifth is compared with the first one instead.
    #[must_use]
    pub fn rebalance(&self, placed: &Replicas, devices: usize, remake: Option<Remake<'_>>) -> Rebalance {
        let mut prompts = self.score(&self.prefill, placed, None, devices);
        for scores in prompts.by_layer.iter_mut().chain([&mut prompts.mean]) {
            (scores.rho, scores.ceiling) = (None, None);
        }
        let (mut fifths, mut same) = (Vec::new(), true);
        for (at, part) in self.fifths.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &self.fifths[before].all);
            // Nothing is learnt where nothing was decoded.
            let before = before.filter(|loads| loads.iter().flatten().any(|&n| n > 0));
            let remade = remake.zip(before).map(|(remake, loads)| remake(loads));
            same &= remade.as_ref().is_none_or(|remade| remade == placed);
            fifths.push(self.score(part, placed, remade.as_ref(), devices));
        }
        let mut out = Rebalance { prompts, fifths, ..Rebalance::default() };
        out.gains = (0..FIFTHS).map(|at| out.gain(at, remake.is_some())).collect();
        out.first_worth = out.gains.iter().position(|gain| gain.is_some_and(|g| g >= WORTH));
        out.reading = out.words(remake.is_some(), same);
        out
    }

    fn score(&self, part: &Part, placed: &Replicas, remade: Option<&Replicas>, devices: usize) -> Position {
        let of_layer = |at: usize| {
            let (loads, prompts) = (&part.all[at], &self.prefill.all[at]);
            let (max_over_mean, bound) = balance(loads, placed.layers.get(at), devices).unzip();
            let remade = remade.and_then(|r| balance(loads, r.layers.get(at), devices)).map(|(ratio, _)| ratio);
            let halves = part.reliability(at).zip(self.prefill.reliability(at));
            Scores {
                rho: spearman(prompts, loads),
                ceiling: halves.map(|(a, b)| (a * b).sqrt()),
                max_over_mean,
                remade,
                bound,
            }
        };
        let by_layer: Vec<Scores> = (0..part.all.len()).map(of_layer).collect();
        let over = |of: fn(&Scores) -> Option<f64>| mean(&by_layer.iter().map(of).collect::<Vec<_>>());
        let mean = Scores {
            rho: over(|s| s.rho),
            ceiling: over(|s| s.ceiling),
            max_over_mean: over(|s| s.max_over_mean),
            remade: over(|s| s.remade),
            bound: over(|s| s.bound),
        };
        Position { uses: part.all.iter().flatten().sum(), mean, by_layer }
    }
}

impl Part {
    fn add(&mut self, layer: usize, row: Option<&[u16]>, odd: bool) {
        for &e in row.unwrap_or_default() {
            for table in [Some(&mut self.all), odd.then_some(&mut self.odd)].into_iter().flatten() {
                if let Some(count) = table[layer].get_mut(usize::from(e)) {
                    *count += 1;
                }
            }
        }
    }

    /// How well the loads of a layer would correlate with those of as many other requests.
    fn reliability(&self, layer: usize) -> Option<f64> {
        let (all, odd) = (&self.all[layer], &self.odd[layer]);
        let even: Vec<u64> = all.iter().zip(odd).map(|(all, odd)| all - odd).collect();
        spearman(&even, odd).and_then(spearman_brown)
    }
}

impl Rebalance {
    /// The share that the fullest device would have less in a fifth.
    fn gain(&self, at: usize, remade: bool) -> Option<f64> {
        let first = self.fifths[0].mean.max_over_mean.filter(|_| at > 0);
        let here = &self.fifths[at].mean;
        let other = if remade { here.remade } else { first };
        other.zip(here.max_over_mean).map(|(other, ours)| 1.0 - other / ours)
    }

    fn words(&self, remade: bool, same: bool) -> String {
        let lacking = match (self.prompts.uses, self.gains.iter().flatten().next()) {
            (0, _) => Some("prefill"),
            (_, None) => Some("decode"),
            _ => None,
        };
        if let Some(phase) = lacking {
            return format!("There are too few {phase} tokens to tell how long a placement made on the prompts holds.");
        }
        if let Some(at) = self.first_worth {
            let gain = percent(self.gains[at].unwrap_or(0.0));
            let (before, here) = (NAMES[at - 1], NAMES[at]);
            return if remade {
                format!(
                    "Rebalance after the {before} fifth of the decode: made again on it, the placement has {gain} less on its fullest device in the {here} one."
                )
            } else {
                format!(
                    "Rebalance after the {before} fifth of the decode: as even as in the first, the fullest device would have {gain} less in the {here} one."
                )
            };
        }
        if remade && same {
            return "Made again on any fifth of the decode, the placement is the same: there is nothing to rebalance."
                .into();
        }
        let most = self.gains.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let most = if most > 0.0 { format!("at most {} less", percent(most)) } else { "no less".into() };
        let other = if remade { "made again on the fifth before" } else { "as even as in the first fifth" };
        format!("The placement made on the prompts holds: {other}, its fullest device would have {most} in any fifth.")
    }

    /// Rank correlation and balance by position. `strategy` is its name.
    #[must_use]
    pub fn figures(&self, strategy: &str) -> [Figure; 2] {
        let fifths = NAMES.map(|name| format!("{name} fifth"));
        let heads = |names: Vec<String>| Heads { label: "position in the request".into(), items: Items::Named(names) };
        let series = |name: &str, of: fn(&Scores) -> Option<f64>| {
            let all = std::iter::once(&self.prompts).chain(&self.fifths);
            Series::new(name, all.map(|part| of(&part.mean).unwrap_or(f64::NAN)).collect())
        };
        // The prompts are what the fifths are compared with: they have no place of their own there.
        let later = |name: &str, of| Series { values: series(name, of).values.split_off(1), name: name.into() };
        let rho = Dots {
            items: heads(fifths.to_vec()),
            series: vec![later("loads", |s| s.rho), later("ceiling", |s| s.ceiling)],
            levels: Vec::new(),
            measure: Measure::new("rank correlation with the prompts", Format::Share),
            to: Some(1.0),
        };
        let mut balance = Dots {
            items: heads(["prompts".to_string()].into_iter().chain(fifths).collect()),
            series: vec![
                series("made on the prompts", |s| s.max_over_mean),
                series("made again on the fifth before", |s| s.remade),
                series("bound of its copies", |s| s.bound),
            ],
            levels: vec![Level { name: "even".into(), value: 1.0 }],
            measure: Measure::new("largest over mean load", Format::Times),
            to: None,
        };
        // Where nothing was made again there is no line for it.
        balance.series.retain(|s| s.values.iter().any(|v| !v.is_nan()));
        let figure = |id: &str, title: String, caption: String, dots: Dots| Figure {
            id: id.into(),
            title,
            caption,
            data: Data::Dots(dots),
            says: "{item}: {all}".into(),
            facts: Vec::new(),
        };
        [
            figure(
                "rebalance-rho",
                "Loads through the decode".into(),
                "Spearman's rank correlation of the experts' loads with those of the prompts, by fifth of each request's decode tokens, mean over layers; and the most that the noise between requests allows.".into(),
                rho,
            ),
            figure(
                "rebalance-balance",
                format!("Balance through the decode, {strategy}"),
                format!(
                    "Largest over mean load of the devices by fifth of each request's decode tokens, each copy of an expert an even share, mean over layers. No arrangement of the same copies is below the bound. {}",
                    self.reading
                ),
                balance,
            ),
        ]
    }
}

/// Largest over mean load of the devices, and the least that its copies allow; none without tokens or a placement.
fn balance(loads: &[u64], placed: Option<&Placed>, devices: usize) -> Option<(f64, f64)> {
    let placed = placed.filter(|p| p.home().len() == loads.len())?;
    let total: u64 = loads.iter().sum();
    if total == 0 || devices == 0 {
        return None;
    }
    let copies = placed.copies();
    // An expert without a slot is one of its home's.
    let (share, mut of_device) = (placed.even_shares(loads), placed.even_loads(loads));
    for (expert, &home) in placed.home().iter().enumerate().filter(|(expert, _)| copies[*expert] == 0) {
        if let Some(load) = of_device.get_mut(home) {
            *load += share[expert];
        }
    }
    let over_mean = |load: f64| load * devices as f64 / total as f64;
    let most = |all: &[f64]| over_mean(all.iter().copied().fold(0.0, f64::max));
    Some((most(&of_device), most(&share).max(1.0)))
}
