//! Synthetic workloads: made requests with the structure that the paper describes, so that a reader without a trace sees
//! everything at once. Always labelled synthetic. The generator is one for all models; a [`Profile`] holds what differs.
//!
//! Each token has a *topic* that tends to stay. In each layer a topic favours a *bundle* of experts, so experts of one token
//! (co-activation), of neighbouring layers and of neighbouring tokens hang together. Beside the bundle stands the layer's
//! own popularity, and a token may keep its predecessor's experts, the more the deeper the layer.

mod profile;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

pub use profile::{Profile, profile};

use crate::model::{Labels, ModelPreset, Request};
use crate::units::{floor, small};

/// Slots of a popularity table: popularity is exact to 1/4096.
const SLOTS: usize = 4096;

/// Makes the requests of one model and seed, one at a time.
#[derive(Clone, Debug)]
pub struct Generator {
    model: &'static ModelPreset,
    profile: Profile,
    seed: u64,
    layers: Vec<Layer>,
    /// Topics by rank for each subject.
    subjects: Vec<Vec<usize>>,
    next: u64,
}

#[derive(Clone, Debug)]
struct Layer {
    id: u32,
    /// Experts by popularity: a uniform draw from it is a draw by popularity.
    popular: Vec<u16>,
    /// Experts of each topic, the favourite first.
    bundles: Vec<Vec<u16>>,
    /// Chance that a token keeps an expert of the token before it.
    keep: f64,
}

impl Generator {
    /// A generator for `model`; the same seed gives the same requests on every target.
    #[must_use]
    #[inline(never)]
    pub fn new(model: &'static ModelPreset, seed: u64) -> Self {
        let profile = profile(model);
        let mut rng = Pcg32::seed_from_u64(seed ^ 0x6d6f_6573_636f_7065);
        let depth = (model.moe_layers - 1).max(1) as f64;
        let layers =
            model.layer_ids().enumerate().map(|(n, id)| Layer::new(model, &profile, id, n as f64 / depth, &mut rng));
        let layers = layers.collect();
        let subjects = (0..profile.subjects).map(|_| shuffled(profile.topics, &mut rng)).collect();
        Self { model, profile, seed, layers, subjects, next: 0 }
    }

    /// Requests of the whole workload.
    #[must_use]
    pub fn total(&self) -> usize {
        self.profile.requests
    }

    /// Makes the next request; none after the last.
    #[inline(never)]
    pub fn request(&mut self) -> Option<Request> {
        let index = self.next;
        if index >= self.total() as u64 {
            return None;
        }
        self.next += 1;
        let mut rng = Pcg32::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (index + 1));
        let subject = crate::units::index(index) % self.profile.subjects;
        let (shortest, longest) = self.profile.prefill;
        let prefill = shortest + below(&mut rng, longest - shortest + 1);
        let tokens = prefill + self.profile.decode;
        let topics = self.topics(subject, tokens, &mut rng);
        let columns =
            self.layers.iter().map(|layer| layer.column(self.model, &self.profile, &topics, &mut rng)).collect();
        Some(Request {
            index,
            sub: 0,
            labels: Labels {
                model: self.model.name.into(),
                dataset: "synthetic".into(),
                subject: format!("subject {}", subject + 1),
            },
            top_k: self.model.top_k,
            prefill,
            tokens,
            layers: self.layers.iter().map(|l| l.id).collect(),
            columns,
        })
    }

    /// The topic of each token: it stays, or is drawn anew from the subject's favourites or from all.
    fn topics(&self, subject: usize, tokens: usize, rng: &mut Pcg32) -> Vec<usize> {
        let ranks = &self.subjects[subject];
        let mut topic = usize::MAX;
        let mut draw = |before: usize| {
            if before != usize::MAX && unit(rng) < self.profile.stay {
                return before;
            }
            if unit(rng) < self.profile.loyalty {
                ranks[below(rng, self.profile.favourites.min(ranks.len()))]
            } else {
                below(rng, self.profile.topics)
            }
        };
        (0..tokens)
            .map(|_| {
                topic = draw(topic);
                topic
            })
            .collect()
    }
}

impl Layer {
    fn new(model: &ModelPreset, profile: &Profile, id: u32, depth: f64, rng: &mut Pcg32) -> Self {
        let weights: Vec<f64> = (0..model.experts).map(|_| libm::exp(profile.spread * normal(rng))).collect();
        let total: f64 = weights.iter().sum();
        let mut popular = Vec::with_capacity(SLOTS);
        let mut sum = 0.0;
        for (e, weight) in weights.iter().enumerate() {
            sum += weight;
            let end = floor(sum / total * SLOTS as f64 + 0.5);
            popular.resize(end.min(SLOTS).max(popular.len()), id_of(e));
        }
        popular.resize(SLOTS, id_of(model.experts - 1));
        let bundles = (0..profile.topics).map(|_| bundle(model, profile, &popular, rng)).collect();
        let keep = profile.keep.0 + (profile.keep.1 - profile.keep.0) * depth;
        Self { id, popular, bundles, keep }
    }

    #[inline(never)]
    fn column(&self, model: &ModelPreset, profile: &Profile, topics: &[usize], rng: &mut Pcg32) -> Vec<u16> {
        let k = model.top_k;
        let mut ids: Vec<u16> = Vec::with_capacity(topics.len() * k);
        for (token, &topic) in topics.iter().enumerate() {
            let start = ids.len();
            let mut groups = Groups::none(model);
            if token > 0 {
                for slot in start - k..start {
                    if unit(rng) < self.keep {
                        groups.add(ids[slot]);
                        ids.push(ids[slot]);
                    }
                }
            }
            let bundle = &self.bundles[topic];
            let mut tries = 0;
            while ids.len() < start + k {
                // One draw decides between bundle and popularity, and what is left of it picks the expert.
                let u = unit(rng);
                let id = if u < profile.focus {
                    // The square favours the front of the bundle.
                    let v = u / profile.focus;
                    bundle[floor(v * v * bundle.len() as f64)]
                } else {
                    self.popular[floor((u - profile.focus) / (1.0 - profile.focus) * SLOTS as f64)]
                };
                tries += 1;
                // A bundle and the allowed groups can be used up: then any expert that fits will do.
                let id = if tries > 64 { id_of(below(rng, model.experts)) } else { id };
                if groups.allow(id) && !ids[start..].contains(&id) {
                    groups.add(id);
                    ids.push(id);
                }
            }
        }
        ids
    }
}

/// The router's group limit for one token.
struct Groups {
    used: u64,
    most: u32,
    /// Experts of a group.
    size: usize,
}

impl Groups {
    fn none(model: &ModelPreset) -> Self {
        Self { used: 0, most: small(model.groups.1), size: model.experts / model.groups.0 }
    }

    fn bit(&self, id: u16) -> u64 {
        1 << (usize::from(id) / self.size)
    }

    fn allow(&self, id: u16) -> bool {
        (self.used | self.bit(id)).count_ones() <= self.most
    }

    fn add(&mut self, id: u16) {
        self.used |= self.bit(id);
    }
}

/// Experts of one topic in one layer, drawn by popularity within the groups that one token may use.
fn bundle(model: &ModelPreset, profile: &Profile, popular: &[u16], rng: &mut Pcg32) -> Vec<u16> {
    let mut ids: Vec<u16> = Vec::with_capacity(profile.bundle);
    let (mut tries, mut groups) = (0, Groups::none(model));
    while ids.len() < profile.bundle && tries < 8192 {
        tries += 1;
        let id = if unit(rng) < profile.common { popular[below(rng, SLOTS)] } else { id_of(below(rng, model.experts)) };
        if groups.allow(id) && !ids.contains(&id) {
            groups.add(id);
            ids.push(id);
        }
    }
    ids
}

fn id_of(e: usize) -> u16 {
    u16::try_from(e).unwrap_or(u16::MAX)
}

fn shuffled(n: usize, rng: &mut Pcg32) -> Vec<usize> {
    let mut items: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        items.swap(i, below(rng, i + 1));
    }
    items
}

/// Uniform in 0..n; the bias of the multiplication is below n/2^32.
fn below(rng: &mut Pcg32, n: usize) -> usize {
    crate::units::index((u64::from(rng.next_u32()) * u64::from(small(n))) >> 32)
}

/// Uniform in \[0, 1).
fn unit(rng: &mut Pcg32) -> f64 {
    f64::from(rng.next_u32()) / 4_294_967_296.0
}

/// Standard normal, by Box and Muller.
fn normal(rng: &mut Pcg32) -> f64 {
    let (a, b) = (1.0 - unit(rng), unit(rng));
    libm::sqrt(-2.0 * libm::log(a)) * libm::cos(2.0 * std::f64::consts::PI * b)
}
